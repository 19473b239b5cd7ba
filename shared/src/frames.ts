import * as z from "zod/mini"
import { ActivityRow } from "./activity.ts"
import { FleetHost, FleetPatch, FleetSnapshot } from "./fleet.ts"
import { HostId, JobId } from "./ids.ts"
import { LogBatch } from "./logs.ts"
import { PerfSample } from "./telemetry.ts"
import { Instant } from "./time.ts"

const seq = z.int()

export const FleetSnapshotFrame = z.extend(FleetSnapshot, {
  type: z.literal("control_fleet"),
  kind: z.literal("snapshot"),
})

/** `event_at`: when the host emitted what caused it, by the host's clock; null where the hub itself caused it. */
export const FleetDeltaFrame = z.object({
  type: z.literal("control_fleet"),
  kind: z.literal("delta"),
  provider_id: HostId,
  seq,
  at: Instant,
  event_at: z.optional(z.nullable(Instant)),
  patch: FleetPatch,
  /** The patch holds every key: it replaces the host, whatever was known before. */
  full: z.optional(z.boolean()),
  /** The host is no longer registered. */
  removed: z.optional(z.boolean()),
})
export type FleetDeltaFrame = z.infer<typeof FleetDeltaFrame>

/** This reader was too slow and missed frames of a topic that may be lost. */
export const LaggedFrame = z.object({
  type: z.literal("control_fleet"),
  kind: z.literal("lagged"),
  topic: z.string(),
  dropped: z.int(),
})

export const FleetFrame = z.discriminatedUnion("kind", [FleetSnapshotFrame, FleetDeltaFrame, LaggedFrame])
export type FleetFrame = z.infer<typeof FleetFrame>

/** Committed request rows, newest last. A row seen before is an update of the same `id`. */
export const ActivityFrame = z.object({
  type: z.literal("control_activity"),
  provider_id: HostId,
  seq,
  at: z.optional(Instant),
  event_at: z.optional(z.nullable(Instant)),
  rows: z.array(ActivityRow),
})
export type ActivityFrame = z.infer<typeof ActivityFrame>

export const PerfFrame = z.object({
  type: z.literal("control_perf"),
  provider_id: HostId,
  seq,
  at: z.optional(Instant),
  event_at: z.optional(z.nullable(Instant)),
  samples: z.array(PerfSample),
})
export type PerfFrame = z.infer<typeof PerfFrame>

export const LogFrame = z.extend(LogBatch, { type: z.literal("control_log"), provider_id: HostId })
export type LogFrame = z.infer<typeof LogFrame>

export const JobFrame = z.object({
  type: z.literal("control_job"),
  job_id: JobId,
  kind: z.enum(["bench", "eval", "report", "config", "llama_bench"]),
  state: z.string(),
  done: z.int(),
  total: z.nullable(z.int()),
  message: z.optional(z.string()),
  partial: z.optional(z.unknown()),
})
export type JobFrame = z.infer<typeof JobFrame>

/** Everything the hub sends over a socket. */
export const Frame = z.discriminatedUnion("type", [FleetFrame, ActivityFrame, PerfFrame, LogFrame, JobFrame])
export type Frame = z.infer<typeof Frame>
export type FrameType = Frame["type"]

/** The same five, as a list: a test keeps it and the union equal. */
export const KNOWN_FRAME_TYPES = [
  "control_fleet",
  "control_activity",
  "control_perf",
  "control_log",
  "control_job",
] as const satisfies readonly FrameType[]

/** One handler per frame type: leaving one out does not compile. */
export type FrameHandlers = { [T in FrameType]: (frame: Extract<Frame, { type: T }>) => void }

export const TOPIC_PATTERN = /^(fleet|activity|jobs|perf:(\*|[a-z0-9-]{1,40})|log:[a-z0-9-]{1,40})$/
export const Topic = z.string().check(z.regex(TOPIC_PATTERN))
export type Topic = z.infer<typeof Topic>
export const DEFAULT_TOPICS: readonly Topic[] = ["fleet", "activity", "jobs"]

/** Everything a cockpit may send. `subscribe` replaces the whole set. */
export const ClientFrame = z.discriminatedUnion("type", [
  z.object({ type: z.literal("subscribe"), topics: z.array(Topic).check(z.maxLength(500)) }),
  z.object({ type: z.literal("resync"), provider_id: HostId }),
])
export type ClientFrame = z.infer<typeof ClientFrame>

/** Every key of a host, for a delta with `full: true`. */
export function isFullHost(patch: unknown): patch is FleetHost {
  return FleetHost.safeParse(patch).success
}
