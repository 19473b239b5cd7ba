import type { HostId } from "@boocontrol/shared/ids"
import type { HostLease } from "@boocontrol/shared/leases"

/** What is known of hosts. */
export interface LeasedHostsPort {
  ids(): readonly HostId[]
  /** Work that is under way on a host: its requests in flight and what was asked of its engine. Null: not known. */
  workOn(host: HostId): number | null
  /** Calls back whenever that number may have changed. */
  onWork(listener: (host: HostId) => void): () => void
}

/** Where a host's lease is shown. */
export interface LeaseFramePort {
  leased(host: HostId, lease: HostLease | null): void
}

/** Several hubs see the same change: one of them says it. */
export interface AnnouncerPort {
  isOne(): boolean
}
