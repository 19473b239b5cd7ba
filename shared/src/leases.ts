import * as z from "zod/mini"
import { FencingToken } from "./commands.ts"
import { HostId } from "./ids.ts"
import { Instant } from "./time.ts"

export const LeaseId = z.uuid().brand<"LeaseId">()
export type LeaseId = z.infer<typeof LeaseId>

/**
 * `exclusive`: one holder, no other traffic. `shared`: several holders, no exclusive one; traffic goes on, but nothing
 * is unloaded or swapped under them.
 */
export const LeaseMode = z.enum(["exclusive", "shared"])
export type LeaseMode = z.infer<typeof LeaseMode>

export const MAX_TTL_S = 86_400

/** Body of `POST /leases` and of `lease.acquire`. `wait_s` absent or 0: not at all. */
export const LeaseRequest = z.strictObject({
  provider_id: HostId,
  holder: z.string().check(z.minLength(1), z.maxLength(80)),
  purpose: z.string().check(z.minLength(1), z.maxLength(200)),
  mode: LeaseMode,
  ttl_s: z.int().check(z.minimum(1), z.maximum(MAX_TTL_S)),
  wait_s: z.optional(z.number().check(z.minimum(0), z.maximum(MAX_TTL_S))),
})
export type LeaseRequest = z.infer<typeof LeaseRequest>

/** A lease that was given. `inflight`: requests that were still running there, null where that is not known. */
export const LeaseGrant = z.object({
  lease_id: LeaseId,
  fencing_token: FencingToken,
  expires_at: Instant,
  inflight: z.optional(z.nullable(z.int())),
})
export type LeaseGrant = z.infer<typeof LeaseGrant>

/** `draining`: given, but its holder still waits for requests in flight to end; no new ones are let in. */
export const LeaseState = z.enum(["draining", "held"])
export type LeaseState = z.infer<typeof LeaseState>

/** A row of `GET /leases`: one that is in force. */
export const LeaseRow = z.object({
  lease_id: LeaseId,
  provider_id: HostId,
  holder: z.string(),
  purpose: z.string(),
  mode: LeaseMode,
  state: LeaseState,
  fencing_token: FencingToken,
  ttl_s: z.int(),
  granted_at: Instant,
  heartbeat_at: Instant,
  expires_at: Instant,
})
export type LeaseRow = z.infer<typeof LeaseRow>

/** How a lease ended. `withdrawn`: whoever waited for it had gone away. */
export const LeaseEnd = z.enum(["released", "expired", "revoked", "withdrawn"])
export type LeaseEnd = z.infer<typeof LeaseEnd>

/** `lease` of a host in the fleet: the exclusive lease, or the first of the shared ones. */
export const HostLease = z.object({
  lease_id: LeaseId,
  holder: z.string(),
  purpose: z.string(),
  mode: LeaseMode,
  state: LeaseState,
  granted_at: Instant,
  expires_at: Instant,
  /** How many hold it in all: more than one only where it is shared. */
  holders: z.int(),
  /** How many wait for their turn. */
  waiting: z.int(),
})
export type HostLease = z.infer<typeof HostLease>

/** Said on the lease subject of a host, after the change. */
export const LeaseAnnouncement = z.object({
  provider_id: HostId,
  change: z.enum(["draining", "granted", "renewed", ...LeaseEnd.options]),
  lease: LeaseRow,
  at: Instant,
})
export type LeaseAnnouncement = z.infer<typeof LeaseAnnouncement>

/** Body of `lease.renew` and `lease.release`. A token that is given and not the lease's own is refused. */
export const LeaseRef = z.strictObject({
  lease_id: LeaseId,
  fencing_token: z.optional(FencingToken),
})
export type LeaseRef = z.infer<typeof LeaseRef>

/** Details of every refusal that somebody else's lease causes. */
export const LeaseHeldDetails = z.object({
  holder: z.string(),
  purpose: z.string(),
  expires_at: z.nullable(Instant),
})
export type LeaseHeldDetails = z.infer<typeof LeaseHeldDetails>

/** `X-Boo-Lease: <id>[;<token>]`: who acts. Null where it is neither. */
export function parseLeaseHeader(text: string): LeaseRef | null {
  const match = /^\s*([0-9a-fA-F-]{36})\s*(?:;\s*(\d{1,15})\s*)?$/.exec(text)
  if (!match) return null
  const [, lease_id, token] = match
  const parsed = LeaseRef.safeParse({
    lease_id,
    ...(token === undefined ? {} : { fencing_token: Number(token) }),
  })
  return parsed.data ?? null
}
