import type { HostId } from "@boocontrol/shared/ids"
import { onScopeDispose, watch } from "vue"
import { useSettled } from "../platform/settled.ts"
import { useSocket } from "../platform/socket.ts"
import { useTelemetry } from "../telemetry/store.ts"

/** Takes a host's samples for as long as whoever calls it lives, and asks for the minutes before. */
export function useHostReadings(id: HostId): void {
  const socket = useSocket()
  const telemetry = useTelemetry()
  const settled = useSettled()
  onScopeDispose(socket.need(`perf:${id}`))
  watch(
    () => settled.value && socket.status.value.phase === "open",
    (open) => {
      if (open) telemetry.wantHistory(id)
    },
    { immediate: true },
  )
}
