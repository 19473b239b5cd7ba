import type { HostId } from "@boocontrol/shared/ids"
import { onScopeDispose, watch } from "vue"
import { useSocket } from "../platform/socket.ts"
import { useLogs } from "./store.ts"

/** Lines of these hosts come while this scope lives. */
export function useLogFeed(hosts: () => readonly HostId[]): void {
  const socket = useSocket()
  const logs = useLogs()
  const held = new Map<HostId, () => void>()
  watch(
    hosts,
    (wanted) => {
      for (const host of wanted) {
        if (!held.has(host))
          held.set(
            host,
            logs.hold(host, () => socket.need(`log:${host}`)),
          )
      }
      for (const [host, release] of held) {
        if (wanted.includes(host)) continue
        held.delete(host)
        release()
      }
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    for (const release of held.values()) release()
  })
}
