import type { ActivityRow } from "@boocontrol/shared/activity"
import { defineStore } from "pinia"
import { shallowRef, watch } from "vue"
import { useApi } from "../platform/api.ts"
import { useClock } from "../platform/clock.ts"
import { gapsIn } from "./gaps.ts"
import type { Gap } from "./gaps.ts"
import { useActivity } from "./store.ts"

const eventPage = async () => (await import("../platform/schemas.ts")).ModelEventPage

const MOST = 1000
// A note and the rows that follow it come by the same message stream, and are stored one beside the other.
const STORED_AFTER_MS = 1500
// A gap without a new store is rare: rows that an engine forgot before they were read.
const AGAIN_AFTER_MS = 60_000

/**
 * Where requests may be missing. A gap is noted with the first rows of the store that follows it, so they are asked for
 * again when a host's rows come from another store.
 */
export const useGaps = defineStore("gaps", () => {
  const api = useApi()
  const clock = useClock()
  const activity = useActivity()
  const gaps = shallowRef<readonly Gap[]>([])
  let askedMs = -Infinity
  let known = ""
  let cancel: () => void = () => undefined

  async function load(): Promise<void> {
    askedMs = clock.monotonicMs()
    const query = { model: "*", state: "gap_suspected", limit: MOST }
    const page = await api.get("model-events", eventPage, { query }).catch(() => null)
    if (page) gaps.value = gapsIn(page.rows)
  }

  watch(
    () => activity.recent,
    (rows) => {
      const before = known
      known = storesOf(rows)
      if (clock.monotonicMs() - askedMs >= AGAIN_AFTER_MS) return void load()
      if (known === before) return
      cancel()
      cancel = clock.after(STORED_AFTER_MS, () => void load())
    },
    { immediate: true },
  )
  return { gaps, load }
})

/** Which store the newest rows of each host come from. */
function storesOf(rows: readonly ActivityRow[]): string {
  const newest = new Map<string, string>()
  for (const { provider_id, swap_epoch } of rows)
    if (!newest.has(provider_id)) newest.set(provider_id, swap_epoch)
  return [...newest]
    .map((entry) => entry.join(" "))
    .sort()
    .join()
}
