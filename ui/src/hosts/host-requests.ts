import { ActivityRow } from "@boocontrol/shared/activity"
import { pageOf } from "@boocontrol/shared/http"
import type { HostId } from "@boocontrol/shared/ids"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import { computed, onScopeDispose, shallowRef, watch } from "vue"
import type { ComputedRef } from "vue"
import { mergeRows } from "../activity/rows.ts"
import { useActivity } from "../activity/store.ts"
import { useApi } from "../platform/api.ts"
import { useClock } from "../platform/clock.ts"
import type { Range } from "./view/ranges.ts"

const ActivityPage = pageOf(ActivityRow)
// One page of the hub; a dot for each of more would be a cloud.
const MOST = 1000

/** The requests of one host within a range, newest first, kept up by what comes live. */
export function useHostRequests(id: HostId, range: ComputedRef<Range>): ComputedRef<readonly ActivityRow[]> {
  const api = useApi()
  const clock = useClock()
  const activity = useActivity()
  const stored = shallowRef<readonly ActivityRow[]>([])
  let generation = 0

  watch(
    range,
    async ({ ms }) => {
      const mine = ++generation
      const query = { provider_id: id, from: instantOf(clock.nowMs() - ms), limit: MOST }
      const page = await api.get("activity", ActivityPage, { query }).catch(() => null)
      if (page && mine === generation) stored.value = page.rows
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    generation++
  })
  return computed(() => {
    const start = clock.nowMs() - range.value.ms
    const live = activity.recent.filter((row) => row.provider_id === id && epochMsOf(row.ts) >= start)
    return mergeRows(stored.value, live, MOST)
  })
}
