import type { HostId } from "@boocontrol/shared/ids"
import { onScopeDispose, watch } from "vue"
import { useSocket } from "../platform/socket.ts"
import { useTelemetry } from "../telemetry/store.ts"

/** Takes a host's samples for as long as whoever calls it lives, and asks for the minutes before. */
export function useHostReadings(id: HostId): void {
  const socket = useSocket()
  const telemetry = useTelemetry()
  onScopeDispose(socket.need(`perf:${id}`))
  watch(
    () => socket.status.value.phase === "open",
    (open) => {
      if (open) telemetry.wantHistory(id)
    },
    { immediate: true },
  )
}
