import type { HostId } from "@boocontrol/shared/ids"
import type {
  HostLease,
  LeaseAnnouncement,
  LeaseHeldDetails,
  LeaseId,
  LeaseMode,
} from "@boocontrol/shared/leases"
import type { Instant } from "@boocontrol/shared/time"

/**
 * A lease, from asking to its end. Every change is one statement in Postgres, by the clock of the database.
 *
 * | state    | entered when                                       | leaves when                                         |
 * | ---      | ---                                                | ---                                                 |
 * | waiting  | asked with `wait_s`, and somebody is in the way    | its turn -> draining; its asker goes away -> nothing |
 * | draining | its turn has come; an exclusive one asked with     | nothing is in flight -> held; `wait_s` over, its    |
 * |          | `wait_s`. New traffic is kept out already          | asker or its hub gone -> ended (withdrawn)          |
 * | held     | free at once, or drained                           | released, expired, revoked -> ended                 |
 * | ended    |                                                    | forgotten after 30 days                             |
 */
export interface LeaseInForce {
  readonly lease_id: LeaseId
  readonly provider_id: HostId
  readonly holder: string
  readonly purpose: string
  readonly mode: LeaseMode
  readonly state: "draining" | "held"
  readonly fencing_token: number
  readonly granted_at: Instant
  readonly expires_at: Instant
  /** When it ends by the clock of this hub. */
  readonly endsAtMs: number
}

/** What others need to know of it, from memory. */
export interface LeaseView {
  readonly lease_id: LeaseId
  readonly mode: LeaseMode
  readonly holder: string
  readonly purpose: string
  readonly expires_at: Instant
  readonly fencing_token: number
  readonly draining: boolean
}

/** The one that decides: the exclusive one, else the oldest of those that share. */
export function deciding(leases: readonly LeaseInForce[], nowMs: number): LeaseInForce | null {
  const inForce = leases.filter(({ endsAtMs }) => endsAtMs > nowMs)
  const sorted = inForce.toSorted((a, b) => a.fencing_token - b.fencing_token)
  return sorted.find(({ mode }) => mode === "exclusive") ?? sorted[0] ?? null
}

export function viewOf(lease: LeaseInForce): LeaseView {
  const { lease_id, mode, holder, purpose, expires_at, fencing_token, state } = lease
  return { lease_id, mode, holder, purpose, expires_at, fencing_token, draining: state === "draining" }
}

/** As a host's card shows it; null where nobody holds it. */
export function shownLease(
  leases: readonly LeaseInForce[],
  { waiting, nowMs }: { waiting: number; nowMs: number },
): HostLease | null {
  const lease = deciding(leases, nowMs)
  if (!lease) return null
  const { lease_id, holder, purpose, mode, state, granted_at, expires_at } = lease
  const holders = leases.filter(({ endsAtMs }) => endsAtMs > nowMs).length
  return { lease_id, holder, purpose, mode, state, granted_at, expires_at, holders, waiting }
}

export function heldBy(lease: Omit<LeaseHeldDetails, never> | null): LeaseHeldDetails {
  return lease
    ? { holder: lease.holder, purpose: lease.purpose, expires_at: lease.expires_at }
    : { holder: "nobody", purpose: "nothing", expires_at: null }
}

/** The first thing that a change of a lease is worth telling; null: it is for hubs alone. */
export function announcedChange(change: string): LeaseAnnouncement["change"] | null {
  switch (change) {
    case "draining":
    case "granted":
    case "renewed":
    case "released":
    case "expired":
    case "revoked":
    case "withdrawn":
      return change
    default:
      return null
  }
}
