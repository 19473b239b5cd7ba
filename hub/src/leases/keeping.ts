import { BooError } from "@boocontrol/shared/errors"
import type { LeaseRef, LeaseRow } from "@boocontrol/shared/leases"
import { heldBy } from "./core.ts"
import type { LeasesStore, StoredLease } from "./store.ts"
import type { LeaseWatch } from "./watch.ts"

export interface LeaseKeeping {
  /** Extends a lease by its own time. */
  renew(ref: LeaseRef): Promise<LeaseRow>
  release(ref: LeaseRef, by: string | null): Promise<LeaseRow>
  /** The lease that somebody says to act under, while it is in force and the token is its own; throws otherwise. */
  check(ref: LeaseRef): Promise<LeaseRow>
}

/** What whoever holds a lease does with it. One that was lost is refused with who holds the host now. */
export function leaseKeeping(store: LeasesStore, watch: Pick<LeaseWatch, "refresh">): LeaseKeeping {
  const inForce = async (): Promise<string[]> =>
    (await store.inForce(null)).leases.map(({ lease_id }) => lease_id)

  /** Why it cannot be used: never null, since it was not found in force with that token. */
  const whyNot = async ({ lease_id, fencing_token }: LeaseRef): Promise<BooError> => {
    const lease = await store.find(lease_id)
    if (!lease) return new BooError("LEASE_NOT_FOUND", { lease_id, known: await inForce() })
    const { leases } = await store.inForce(lease.provider_id)
    const now = heldBy(leases.find(({ mode }) => mode === "exclusive") ?? leases[0] ?? null)
    const about = { lease_id, host: lease.provider_id, ...now }
    if (lease.state !== "ended" && lease.remaining_ms > 0 && fencing_token !== undefined)
      return new BooError("LEASE_TOKEN_STALE", { token: fencing_token, ...about })
    return new BooError("LEASE_LOST", { lost_as: lease.ended_as ?? "expired", ...about })
  }

  const check = async (ref: LeaseRef): Promise<LeaseRow> => {
    const lease = await store.find(ref.lease_id)
    const isOwn = lease && (ref.fencing_token === undefined || ref.fencing_token === lease.fencing_token)
    if (!isOwn || lease.state === "ended" || lease.remaining_ms <= 0) throw await whyNot(ref)
    return rowOf(lease)
  }

  return {
    check,
    async renew(ref) {
      const lease = await store.renew(ref)
      if (!lease) throw await whyNot(ref)
      return rowOf(lease)
    },
    async release(ref, by) {
      const { provider_id: host } = await check(ref)
      const lease = await store.end({ id: ref.lease_id, host }, "released", by)
      if (!lease) throw await whyNot(ref)
      // Whoever gave it back may rely on it too: it is over for this hub before that is answered.
      await watch.refresh(host)
      return rowOf(lease)
    },
  }
}

/** As it stands on the wire; one that has just ended as what it was. */
export function rowOf({ state, ended_as: _as, remaining_ms: _ms, ...lease }: StoredLease): LeaseRow {
  return { ...lease, state: state === "draining" ? "draining" : "held" }
}
