import type { HostId } from "@boocontrol/shared/ids"

export interface KnownHostsPort {
  ids(): readonly HostId[]
}
