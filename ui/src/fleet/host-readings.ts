import type { HostId } from "@boocontrol/shared/ids"
import { onScopeDispose, watch } from "vue"
import type { Ref } from "vue"
import { useSocket } from "../platform/socket.ts"
import { useTelemetry } from "../telemetry/store.ts"

/** Takes a host's samples for as long as it is looked at, and asks once for the minutes before. */
export function useHostReadings(id: HostId, wanted: Readonly<Ref<boolean>>): void {
  const socket = useSocket()
  const telemetry = useTelemetry()
  let release: (() => void) | null = null

  function letGo(): void {
    release?.()
    release = null
  }
  watch(
    [wanted, () => socket.status.value.phase === "open"],
    ([isWanted, isOpen]) => {
      if (!isWanted) letGo()
      else release ??= socket.need(`perf:${id}`)
      if (isWanted && isOpen) telemetry.wantHistory(id)
    },
    { immediate: true },
  )
  onScopeDispose(letGo)
}
