import type { HostId } from "@boocontrol/shared/ids"
import { PerfReply } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import { onScopeDispose, shallowRef, watch } from "vue"
import type { ComputedRef, ShallowRef } from "vue"
import { useApi } from "../platform/api.ts"
import { useClock } from "../platform/clock.ts"
import { useSocket } from "../platform/socket.ts"
import { useTelemetry } from "../telemetry/store.ts"
import type { Range } from "./view/ranges.ts"
import { appendSample } from "./view/perf.ts"

const POINTS = 600
// Drawing six charts more often than this costs more than it shows; with many cards each has many lines.
const APPEND_EVERY_MS = 900
const APPEND_MANY_EVERY_MS = 2900
const MANY_GPUS = 2

export interface PerfHistory {
  readonly reply: Readonly<ShallowRef<PerfReply | null>>
  readonly error: Readonly<ShallowRef<unknown>>
}

/** Samples of one host over a range: asked for once, then kept up by live samples or asked for again. */
export function usePerfHistory(id: HostId, range: ComputedRef<Range>): PerfHistory {
  const api = useApi()
  const clock = useClock()
  const socket = useSocket()
  const readings = useTelemetry().readings(id)
  const reply = shallowRef<PerfReply | null>(null)
  const error = shallowRef<unknown>(null)
  let generation = 0
  let cancel: () => void = () => undefined
  let appendedMs = 0

  async function load(): Promise<void> {
    const mine = ++generation
    cancel()
    const to = clock.nowMs()
    const query = {
      provider_id: id,
      from: instantOf(to - range.value.ms),
      to: instantOf(to),
      points: POINTS,
    }
    try {
      const answer = await api.get("perf", PerfReply, { query })
      if (mine !== generation) return
      reply.value = answer
      error.value = null
    } catch (failure) {
      if (mine === generation) error.value = failure
    }
    if (mine === generation) cancel = clock.after(range.value.refreshMs, () => void load())
  }

  watch(range, () => {
    reply.value = null
    void load()
  })
  // Also after a lost connection: what was measured meanwhile is in history, not in the stream.
  watch(
    () => socket.status.value.phase === "open",
    (open) => {
      if (open || reply.value === null) void load()
    },
    { immediate: true },
  )
  watch(readings, ({ latest }) => {
    if (!latest || !reply.value || !range.value.live) return
    const nowMs = clock.monotonicMs()
    const everyMs = reply.value.gpus.length > MANY_GPUS ? APPEND_MANY_EVERY_MS : APPEND_EVERY_MS
    if (nowMs - appendedMs < everyMs) return
    appendedMs = nowMs
    reply.value = appendSample(reply.value, latest)
  })
  onScopeDispose(() => {
    generation++
    cancel()
  })
  return { reply, error }
}
