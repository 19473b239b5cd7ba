import type { HostId } from "@boocontrol/shared/ids"

export interface KnownHostsPort {
  isKnown(host: HostId): boolean
  ids(): readonly HostId[]
}
