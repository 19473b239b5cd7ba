import type { HostId } from "@boocontrol/shared/ids"
import { pageOf } from "@boocontrol/shared/http"
import { ModelEventRow } from "@boocontrol/shared/models"
import { instantOf } from "@boocontrol/shared/time"
import { onScopeDispose, shallowRef, watch } from "vue"
import type { ComputedRef, ShallowRef } from "vue"
import { useFleet } from "../fleet/store.ts"
import { useApi } from "../platform/api.ts"
import { useClock } from "../platform/clock.ts"
import type { Range } from "./view/ranges.ts"

const EventPage = pageOf(ModelEventRow)
const MOST = 1000
// A change is on screen before it is stored; the timeline asks when it should be.
const STORED_AFTER_MS = 1500

/** What a host's models did over a range, asked for again whenever one of them changes. */
export function useModelEvents(
  id: HostId,
  range: ComputedRef<Range>,
): Readonly<ShallowRef<readonly ModelEventRow[]>> {
  const api = useApi()
  const clock = useClock()
  const fleet = useFleet()
  const events = shallowRef<readonly ModelEventRow[]>([])
  let generation = 0
  let cancel: () => void = () => undefined

  async function load(): Promise<void> {
    const mine = ++generation
    const query = { provider_id: id, from: instantOf(clock.nowMs() - range.value.ms), limit: MOST }
    const page = await api.get("model-events", EventPage, { query }).catch(() => null)
    if (page && mine === generation) events.value = page.rows
  }

  watch(range, () => void load(), { immediate: true })
  watch(
    () =>
      fleet
        .host(id)
        ?.models.map((model) => `${model.id} ${model.state}`)
        .join(),
    () => {
      cancel()
      cancel = clock.after(STORED_AFTER_MS, () => void load())
    },
  )
  onScopeDispose(() => {
    generation++
    cancel()
  })
  return events
}
