import { HostAction } from "@boocontrol/shared/actions"
import { ActivityRow } from "@boocontrol/shared/activity"
import { pageOf } from "@boocontrol/shared/http"
import type { HostId } from "@boocontrol/shared/ids"
import { ModelEventRow } from "@boocontrol/shared/models"
import { SwapsReply } from "@boocontrol/shared/swaps"
import { PerfReply } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import { onScopeDispose, shallowRef, watch } from "vue"
import type { Ref, ShallowRef } from "vue"
import { gapNotes } from "../activity/gap-notes.ts"
import { useApi } from "../platform/api.ts"
import { useClock } from "../platform/clock.ts"
import { spanOf } from "./view/window.ts"
import type { Span, TimeWindow } from "./view/window.ts"

const EventPage = pageOf(ModelEventRow)
const ActionPage = pageOf(HostAction)
const RequestPage = pageOf(ActivityRow)
const POINTS = 800
// One page of the hub; more bars than this would be a wall.
const MOST = 1000
/** A model that is loaded since before the range has its last change there: so far back is looked. */
const LOOK_BACK_MS = 6 * 3_600_000
/** A moving window is asked for again this often; what changes within it comes with it. */
const REFRESH_MS = 10_000

export interface TimelineData {
  readonly span: Span
  readonly perf: PerfReply
  /** With the notes of gaps that reach into the window, which were written when the gap was over. */
  readonly events: readonly ModelEventRow[]
  readonly requests: readonly ActivityRow[]
  /** There are older requests within the range than the newest thousand. */
  readonly requestsCut: boolean
  readonly swaps: SwapsReply
  /** The newest hundred, whenever they were. */
  readonly actions: readonly HostAction[]
}

export interface LoadedTimeline {
  readonly data: Readonly<ShallowRef<TimelineData | null>>
  readonly error: Readonly<ShallowRef<unknown>>
  readonly loading: Readonly<ShallowRef<boolean>>
  readonly reload: () => void
}

/** Everything a host did within a window: asked for at once, and again while the window moves. */
export function useTimelineData(id: HostId, window: Ref<TimeWindow>): LoadedTimeline {
  const api = useApi()
  const clock = useClock()
  const data = shallowRef<TimelineData | null>(null)
  const error = shallowRef<unknown>(null)
  const loading = shallowRef(false)
  let generation = 0
  let cancel: () => void = () => undefined

  async function load(): Promise<void> {
    const mine = ++generation
    cancel()
    loading.value = true
    const span = spanOf(window.value, clock.nowMs())
    const range = { provider_id: id, from: instantOf(span.fromMs), to: instantOf(span.toMs) }
    const before = { ...range, from: instantOf(span.fromMs - LOOK_BACK_MS), limit: MOST }
    try {
      const [perf, events, notes, requests, swaps, actions] = await Promise.all([
        api.get("perf", PerfReply, { query: { ...range, points: POINTS } }),
        api.get("model-events", EventPage, { query: before }),
        gapNotes(api, { hosts: [id], from: range.from }),
        api.get("activity", RequestPage, { query: { ...range, limit: MOST } }),
        api.get("swaps", SwapsReply, { query: range }),
        api.get(`hosts/${id}/actions`, ActionPage),
      ])
      if (mine !== generation) return
      const cut = requests.next !== null
      const rows = { requests: requests.rows, actions: actions.rows }
      data.value = { span, perf, ...rows, events: withGaps(events.rows, notes), requestsCut: cut, swaps }
      error.value = null
    } catch (failure) {
      if (mine !== generation) return
      error.value = failure
    }
    loading.value = false
    if (window.value.kind === "moving") cancel = clock.after(REFRESH_MS, () => void load())
  }

  watch(window, () => void load(), { immediate: true })
  onScopeDispose(() => {
    generation++
    cancel()
  })
  return { data, error, loading, reload: () => void load() }
}

/** A gap that was noted within the window is in both answers. */
function withGaps(events: readonly ModelEventRow[], notes: readonly ModelEventRow[]): ModelEventRow[] {
  const known = new Set(events.map(({ state, ts }) => `${state} ${ts}`))
  return [...events, ...notes.filter(({ state, ts }) => !known.has(`${state} ${ts}`))]
}
