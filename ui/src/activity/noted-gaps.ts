import type { ActivityRow } from "@boocontrol/shared/activity"
import { onScopeDispose, shallowRef, watch } from "vue"
import type { ShallowRef } from "vue"
import { useApi } from "../platform/api.ts"
import { useClock } from "../platform/clock.ts"
import { gapNotes } from "./gap-notes.ts"
import { gapsIn } from "./gaps.ts"
import type { Gap } from "./gaps.ts"
import { useActivity } from "./store.ts"

// A note and the rows that follow it come by the same message stream, and are stored one beside the other.
const STORED_AFTER_MS = 1500
// A gap without a new store is rare: rows that an engine forgot before they were read.
const AGAIN_AFTER_MS = 60_000

/**
 * Where requests of some hosts may be missing; no host means all. A gap is noted with the first rows of the store that
 * follows it, so they are asked for again when a host's rows come from another store.
 */
export function useNotedGaps(hosts: () => readonly string[]): Readonly<ShallowRef<readonly Gap[]>> {
  const api = useApi()
  const clock = useClock()
  const activity = useActivity()
  const gaps = shallowRef<readonly Gap[]>([])
  let askedMs = -Infinity
  let known = ""
  let generation = 0
  let cancel: () => void = () => undefined

  async function load(): Promise<void> {
    const mine = ++generation
    cancel()
    askedMs = clock.monotonicMs()
    const notes = await gapNotes(api, { hosts: hosts() }).catch(() => null)
    if (notes && mine === generation) gaps.value = gapsIn(notes)
  }

  // Joined, so that the same hosts in a new list are not asked for again.
  watch(
    () => hosts().join(),
    () => {
      // Those of other hosts are no gaps of this list, and the hub may not answer.
      gaps.value = []
      void load()
    },
    { immediate: true },
  )
  watch(
    () => activity.recent,
    (rows) => {
      const before = known
      known = storesOf(rows, hosts())
      if (clock.monotonicMs() - askedMs >= AGAIN_AFTER_MS) return void load()
      if (known === before) return
      cancel()
      cancel = clock.after(STORED_AFTER_MS, () => void load())
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    generation++
    cancel()
  })
  return gaps
}

/** Which store the newest rows of each host come from. */
function storesOf(rows: readonly ActivityRow[], hosts: readonly string[]): string {
  const newest = new Map<string, string>()
  for (const { provider_id, swap_epoch } of rows)
    if (!newest.has(provider_id) && (hosts.length === 0 || hosts.includes(provider_id)))
      newest.set(provider_id, swap_epoch)
  return [...newest]
    .map((entry) => entry.join(" "))
    .sort()
    .join()
}
