import { LeaseId } from "@boocontrol/shared/leases"
import { BooError } from "@boocontrol/shared/errors"
import type { FastifyInstance } from "fastify"
import type { HostId } from "@boocontrol/shared/ids"
import type { LeaseRef, LeaseRow } from "@boocontrol/shared/leases"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { RpcEndpoint } from "../platform/micro-service.ts"
import type { NatsConnection } from "../platform/nats.ts"
import type { Sql } from "../platform/postgres.ts"
import { hostAccess } from "./access.ts"
import type { AcquireHostAccess } from "./access.ts"
import { acquirer } from "./acquire.ts"
import type { Acquire } from "./acquire.ts"
import { viewOf } from "./core.ts"
import type { LeaseView } from "./core.ts"
import { leaseKeeping } from "./keeping.ts"
import type { AnnouncerPort, LeasedHostsPort, LeaseFramePort } from "./ports.ts"
import { leasesRoutes } from "./routes.ts"
import { leasesRpc } from "./rpc.ts"
import { leasesStore } from "./store.ts"
import { createLeaseWatch } from "./watch.ts"

export type { AcquireHostAccess, HostAccess, HostAccessOptions, HostAccessOutcome } from "./access.ts"
export type { LeaseView } from "./core.ts"

export interface LeasesOptions {
  sql: Sql
  nc: NatsConnection
  clock: Clock
  log: Log
  hosts: LeasedHostsPort
  frame: LeaseFramePort
  announcer: AnnouncerPort
}

export interface Leases {
  routes: (app: FastifyInstance) => Promise<void>
  rpc: readonly RpcEndpoint[]
  /** The one door for every writer inside the hub. */
  acquireHostAccess: AcquireHostAccess
  /** From memory, for the hot path: who holds a host, null where nobody does. */
  leaseOf(host: HostId): LeaseView | null
  /** Who holds a host as Postgres has it: for what must not miss a lease that was given this moment on another hub. */
  holderOf(host: HostId): Promise<LeaseView | null>
  /** Whether a lease that somebody names, with a token or without, is in force on a host; from memory. */
  holds(host: HostId, ref: LeaseRef): boolean
  /**
   * Whether a token that somebody gives with a lease is no longer, or never was, the lease's. From memory; only of a
   * lease that is not known here is Postgres asked, since another hub may have given it this moment.
   */
  isStale(lease: { readonly id: string; readonly token: number }): boolean | Promise<boolean>
  /** The lease that somebody says to act under; throws LEASE_LOST, LEASE_TOKEN_STALE or LEASE_NOT_FOUND. */
  check(ref: LeaseRef): Promise<LeaseRow>
  /** Ends everything on a host because a person takes over; the token is above all that were given there. */
  revoke(host: HostId, by: string): Promise<{ ids: readonly string[]; fencing_token: number }>
  start(): Promise<void>
  /** Sends away who waits: before the server that they wait at is closed. */
  endWaits(): void
  stop(): Promise<void>
}

/** Who may use a host: one honour protocol for people, for this hub and for every other tool. */
export function createLeases({ sql, nc, clock, hosts, frame, announcer, ...rest }: LeasesOptions): Leases {
  const log = rest.log.child({ part: "leases" })
  const store = leasesStore(sql)
  const watch = createLeaseWatch({ sql, nc, store, clock, log, frame, announcer })
  const ending = new AbortController()
  const acquireFor = acquirer({ store, watch, hosts, clock })
  const acquire: Acquire = async (request, signal) => {
    const granted = await acquireFor(request, AbortSignal.any([signal, ending.signal]))
    // Whoever has it may rely on it: this hub keeps traffic out from before its holder knows.
    await watch.refresh(request.provider_id)
    return granted
  }
  const keeping = leaseKeeping(store, watch)
  return {
    routes: leasesRoutes({ acquire, keeping, store }),
    rpc: leasesRpc(acquire, keeping),
    acquireHostAccess: hostAccess({ acquire, keeping, clock, log }),
    leaseOf(host) {
      const lease = watch.of(host)
      return lease && viewOf(lease)
    },
    async holderOf(host) {
      await watch.refresh(host)
      const lease = watch.of(host)
      return lease && viewOf(lease)
    },
    holds: (host, { lease_id, fencing_token }) =>
      watch
        .all(host)
        .some(
          (lease) =>
            lease.lease_id === lease_id &&
            (fencing_token === undefined || fencing_token === lease.fencing_token),
        ),
    isStale({ id, token }) {
      const known = watch.find(id)
      if (known !== null) return known.fencing_token !== token
      const lease_id = LeaseId.safeParse(id)
      if (!lease_id.success) return true
      return keeping.check({ lease_id: lease_id.data, fencing_token: token }).then(
        () => false,
        // Where Postgres is away nobody knows, and nobody is sent away.
        (error: unknown) => error instanceof BooError,
      )
    },
    check: keeping.check,
    revoke: store.revoke,
    start: watch.start,
    endWaits: () => ending.abort(),
    stop: watch.stop,
  }
}
