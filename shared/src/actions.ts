import * as z from "zod/mini"
import { HostId } from "./ids.ts"
import { LeaseHeldDetails } from "./leases.ts"
import { Instant } from "./time.ts"

export const ACTION_KINDS = ["warm", "unload", "unload_all", "cancel", "profile"] as const
export const ActionKind = z.enum(ACTION_KINDS)
export type ActionKind = z.infer<typeof ActionKind>

/** So many wait behind the one that is done; more would only be stale by their turn. */
export const QUEUE_DEPTH = 4

const model = z.string().check(z.minLength(1), z.maxLength(300))

/**
 * Body of `POST /hosts/:id/actions`. `warm` and `unload` need `model`, `cancel` needs `inflight_id` and `started_at`,
 * `profile` needs `profile`, where null is none.
 */
export const ActionRequest = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("warm"), model }),
  z.strictObject({ action: z.literal("unload"), model }),
  z.strictObject({ action: z.literal("unload_all") }),
  z.strictObject({
    action: z.literal("cancel"),
    inflight_id: z.string().check(z.minLength(1), z.maxLength(100)),
    started_at: Instant,
  }),
  z.strictObject({
    action: z.literal("profile"),
    profile: z.nullable(z.string().check(z.minLength(1), z.maxLength(200))),
  }),
])
export type ActionRequest = z.infer<typeof ActionRequest>

/** Answer 202. `position` 1 is done next, or at once; a cancellation does not queue and has 0. */
export const ActionAccepted = z.object({ action_id: z.uuid(), position: z.int() })
export type ActionAccepted = z.infer<typeof ActionAccepted>

/** `skipped`: at its turn it could not be done, or was not needed any more; `reason` says which. */
export const ActionState = z.enum(["waiting", "running", "done", "failed", "skipped"])
export type ActionState = z.infer<typeof ActionState>

/** An action of a host: a row of `control_actions`, and an entry of `actions` in its frame. */
export const HostAction = z.object({
  action_id: z.uuid(),
  provider_id: HostId,
  action: ActionKind,
  model: z.nullable(z.string()),
  profile: z.nullable(z.string()),
  inflight_id: z.nullable(z.string()),
  /** Who asked for it. */
  actor: z.string(),
  state: ActionState,
  /** Why it was skipped or failed. */
  reason: z.nullable(z.string()),
  /** How long the engine took; while it unloads it answers nobody else. */
  took_ms: z.nullable(z.int()),
  created_at: Instant,
  started_at: z.nullable(Instant),
  ended_at: z.nullable(Instant),
})
export type HostAction = z.infer<typeof HostAction>

/** Details of QUEUE_FULL. */
export const QueueFullDetails = z.object({ queue: z.array(HostAction) })
export type QueueFullDetails = z.infer<typeof QueueFullDetails>

/** Details of BENCH_IN_PROGRESS: who is asked to step aside when it is sent again with `confirm=true`. */
export const TakeoverDetails = z.extend(LeaseHeldDetails, { host: HostId })
export type TakeoverDetails = z.infer<typeof TakeoverDetails>
