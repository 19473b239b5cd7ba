import type { Topic } from "@boocontrol/shared/frames"
import { onScopeDispose, watch } from "vue"
import { useActivity } from "../activity/store.ts"
import { useFleet } from "../fleet/store.ts"
import { useApi } from "../platform/api.ts"
import { useClock } from "../platform/clock.ts"
import { useSettled } from "../platform/settled.ts"
import { useSocket } from "../platform/socket.ts"
import { useTelemetry } from "../telemetry/store.ts"

// A small fleet's samples are light enough to take all of them for the sums on top. A large one's come every
// quarter of a minute by request, except for the hosts that are on screen.
const SMALL_FLEET = 24
const POLL_MS = 15_000
const snapshotSchema = async () => (await import("../platform/schemas.ts")).FleetSnapshot

/** Keeps what the whole shell shows up to date: rows missed while away, and readings of hosts off screen. */
export function useKeepUp(): void {
  const socket = useSocket()
  const fleet = useFleet()
  const activity = useActivity()
  const telemetry = useTelemetry()
  const api = useApi()
  const clock = useClock()
  const settled = useSettled()
  const ALL: Topic = "perf:*"
  let release: (() => void) | null = null
  let cancelPoll: () => void = () => undefined

  watch(
    // The fleet first: what is on its cards is what somebody opened the page for.
    () => settled.value && socket.status.value.phase === "open" && fleet.copy.phase === "live",
    (live) => {
      // Without these rows the feed simply begins now; the next connection tries again.
      if (live) clock.after(0, () => void activity.loadRecent().catch(() => undefined))
    },
    { immediate: true },
  )

  watch(
    () => fleet.loaded && fleet.hostIds.length <= SMALL_FLEET,
    (small) => {
      if (small) release ??= socket.need(ALL)
      else {
        release?.()
        release = null
      }
    },
    { immediate: true },
  )

  async function poll(): Promise<void> {
    const needed = fleet.hostIds.length > SMALL_FLEET && document.visibilityState === "visible"
    if (needed && socket.status.value.phase === "open") {
      const snapshot = await api.get("fleet", snapshotSchema).catch(() => null)
      if (snapshot) telemetry.applySnapshot(snapshot)
    }
    cancelPoll = clock.after(POLL_MS, () => void poll())
  }
  cancelPoll = clock.after(POLL_MS, () => void poll())

  onScopeDispose(() => {
    release?.()
    cancelPoll()
  })
}
