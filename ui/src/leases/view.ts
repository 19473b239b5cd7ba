import type { HostLease, LeaseRow } from "@boocontrol/shared/leases"
import { epochMsOf } from "@boocontrol/shared/time"

/** `12:05`, `1:02:05`: what is left of a lease, to the second; null: it is over. */
export function leftOf(lease: Pick<HostLease | LeaseRow, "expires_at">, nowMs: number): string | null {
  const seconds = Math.ceil((epochMsOf(lease.expires_at) - nowMs) / 1000)
  if (seconds <= 0) return null
  const two = (value: number) => String(value).padStart(2, "0")
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

/** Who holds a host, and for what. */
export function leaseWords(lease: HostLease | null): string | null {
  if (lease === null) return null
  const others = lease.holders > 1 ? ` and ${lease.holders - 1} more` : ""
  return lease.state === "draining"
    ? `draining for ${lease.holder}: ${lease.purpose}`
    : `leased to ${lease.holder}${others}: ${lease.purpose}`
}

/** For whoever wants to know more than fits. */
export function leaseTitle(lease: HostLease): string {
  const waiting = lease.waiting > 0 ? `, ${lease.waiting} waiting for their turn` : ""
  return `${leaseWords(lease)} (${lease.mode}), until ${lease.expires_at} unless it is renewed${waiting}`
}
