import * as z from "zod/mini"
import { HostId } from "@boocontrol/shared/ids"
import { LeaseEnd, LeaseRow } from "@boocontrol/shared/leases"
import type { LeaseId, LeaseRef, LeaseRequest } from "@boocontrol/shared/leases"
import type { Sql } from "../platform/postgres.ts"

/** The payload is a JSON object: see `LeaseNotice`. */
export const LEASES_CHANNEL = "boo_leases"

/** A lease as it stands in the table; `remaining_ms` by the clock of the database, when it was read. */
export const StoredLease = z.extend(LeaseRow, {
  state: z.enum(["draining", "held", "ended"]),
  ended_as: z.nullable(LeaseEnd),
  remaining_ms: z.number(),
})
export type StoredLease = z.infer<typeof StoredLease>

const Acquired = z.object({ outcome: z.enum(["held", "draining", "waiting", "refused"]) })
const Standing = z.object({ standing: z.enum(["waiting", "draining", "held", "ended", "gone"]) })
const Revoked = z.object({ revoked: z.array(z.uuid()), fencing_token: z.int() })
const Waiting = z.object({ provider_id: HostId, waiting: z.int() })
const Due = z.object({ provider_id: HostId })

export type Acquired =
  | { outcome: "held" | "draining"; lease: StoredLease }
  /** `lease`: who is in the way; null where only others who wait are. */
  | { outcome: "waiting" | "refused"; lease: StoredLease | null }

export type LeasesStore = ReturnType<typeof leasesStore>

/** Each of these is one statement, and all that a host's leases do happens in one order: see the migration. */
export function leasesStore(sql: Sql) {
  const columns = sql`lease_id, provider_id, holder, purpose, mode, state, fencing_token, ttl_s, granted_at,
    heartbeat_at, expires_at, ended_as, extract(epoch from expires_at - clock_timestamp())::float8 * 1000 as remaining_ms`
  const one = (rows: readonly unknown[]): StoredLease | null => {
    const [row] = rows
    // A function that returns no row gives one of nulls.
    return StoredLease.safeParse(row).data ?? null
  }

  return {
    async acquire(id: LeaseId, request: LeaseRequest): Promise<Acquired> {
      const { provider_id, holder, purpose, mode, ttl_s, wait_s = 0 } = request
      const rows = await sql`
        select outcome, ${columns} from (
          select a.outcome, (a.lease).* from boo_lease_acquire(
            ${id}::uuid, ${provider_id}, ${holder}, ${purpose}, ${mode}, ${ttl_s}, ${wait_s > 0}) a) x`
      const { outcome } = Acquired.parse(rows[0])
      const lease = one(rows)
      if (outcome === "waiting" || outcome === "refused") return { outcome, lease }
      return { outcome, lease: StoredLease.parse(rows[0]) }
    },
    /** Keeps up a wait or a lease that is not handed over yet. */
    async stand(id: LeaseId, host: HostId) {
      const rows = await sql`select boo_lease_stand(${id}::uuid, ${host}) as standing`
      return Standing.parse(rows[0]).standing
    },
    handOver: async (id: LeaseId) =>
      one(await sql`select ${columns} from boo_lease_hand_over(${id}::uuid) where lease_id is not null`),
    renew: async ({ lease_id, fencing_token }: LeaseRef) =>
      one(
        await sql`
          select ${columns} from boo_lease_renew(${lease_id}::uuid, ${fencing_token ?? null}::bigint)
          where lease_id is not null`,
      ),
    end: async (lease: { id: LeaseId; host: HostId }, as: LeaseEnd, by: string | null) =>
      one(
        await sql`
          select ${columns} from boo_lease_end(${lease.id}::uuid, ${lease.host}, ${as}, ${by})
          where lease_id is not null`,
      ),
    /** Ends everything on a host; the token is above all that were given there. */
    async revoke(host: HostId, by: string): Promise<{ ids: readonly string[]; fencing_token: number }> {
      const rows = await sql`
        select coalesce((select array_agg(r.lease_id) from unnest(revoked) r), '{}') as revoked, fencing_token
        from boo_lease_revoke(${host}, ${by})`
      const { revoked, fencing_token } = Revoked.parse(rows[0])
      return { ids: revoked, fencing_token }
    },
    find: async (id: LeaseId) =>
      one(await sql`select ${columns} from control_host_leases where lease_id = ${id}`),
    /** In force, of one host or of all; how many wait comes with it. */
    async inForce(host: HostId | null): Promise<{ leases: StoredLease[]; waiting: Map<HostId, number> }> {
      const [leases, waiters] = await Promise.all([
        sql`
          select ${columns} from control_host_leases
          where state <> 'ended' and expires_at > clock_timestamp() ${host ? sql`and provider_id = ${host}` : sql``}
          order by granted_at desc, lease_id desc`,
        sql`
          select provider_id, count(*)::int as waiting from control_lease_waiters
          where alive_until > clock_timestamp() ${host ? sql`and provider_id = ${host}` : sql``}
          group by provider_id`,
      ])
      const counts = waiters.map((row) => Waiting.parse(row))
      return {
        leases: leases.map((row) => StoredLease.parse(row)),
        waiting: new Map(counts.map(({ provider_id, waiting }) => [provider_id, waiting])),
      }
    },
    /** Hosts where time alone has changed something. */
    async due(): Promise<HostId[]> {
      const rows = await sql`
        select provider_id from control_host_leases where state <> 'ended' and expires_at <= clock_timestamp()
        union select provider_id from control_lease_waiters where alive_until <= clock_timestamp()`
      return rows.map((row) => Due.parse(row).provider_id)
    },
    settle: async (host: HostId) => void (await sql`select boo_lease_settle(${host})`),
    /** Whoever still believes in a lease so old is told that there is none. */
    forget: async () =>
      void (await sql`
        delete from control_host_leases
        where state = 'ended' and expires_at < clock_timestamp() - interval '30 days'`),
  }
}
