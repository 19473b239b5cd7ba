import * as z from "zod/mini"
import { HostAction } from "./actions.ts"
import { InflightRequest } from "./activity.ts"
import { GpuFeed, GpuInventory, Hardware, HostProblem, Liveness, SpoolStatus } from "./hosts.ts"
import { HostId, HubId } from "./ids.ts"
import { HostLease } from "./leases.ts"
import { ModelReading } from "./models.ts"
import { PerfSample } from "./telemetry.ts"
import { Instant } from "./time.ts"

/** A model of a live host: what its sidecar says, plus what the operator wants. */
export const FleetModel = z.extend(ModelReading, { favorite: z.boolean(), hidden: z.boolean() })
export type FleetModel = z.infer<typeof FleetModel>

/** Requests of the last minutes on one host, counted by the hub. */
export const HostRates = z.object({
  requests_per_min: z.number(),
  errors_per_min: z.number(),
  /** Time lost to model loads within the last hour, and how many there were. */
  swaps_1h: z.int(),
  swap_ms_1h: z.number(),
})
export type HostRates = z.infer<typeof HostRates>

/** Live state of one host. Each top-level key is replaced as a whole by a delta's `patch`. */
export const FleetHost = z.object({
  provider_id: HostId,
  display_name: z.string(),
  os: z.nullable(z.string()),
  gpu_label: z.nullable(z.string()),
  tags: z.array(z.string()),
  enabled: z.boolean(),
  simulated: z.boolean(),
  liveness: Liveness,
  /** When the sidecar was last heard. Null: never. */
  last_seen_at: z.nullable(Instant),
  /** Since when `liveness` is what it is. */
  liveness_since: z.nullable(Instant),
  sidecar_version: z.nullable(z.string()),
  engine_version: z.nullable(z.string()),
  engine_era: z.nullable(z.string()),
  engine_lacks: z.array(z.string()),
  advertise_url: z.nullable(z.string()),
  problem: z.nullable(HostProblem),
  /** Another sidecar that claims the same host id and was refused. */
  twin: z.nullable(z.object({ instance: z.string(), at: Instant })),
  hardware: z.nullable(Hardware),
  gpus: z.array(GpuInventory),
  gpu_feed: z.nullable(GpuFeed),
  models: z.array(FleetModel),
  /** Null where the engine cannot list them. */
  inflight: z.nullable(z.array(InflightRequest)),
  inflight_total: z.nullable(z.int()),
  /** What waits, what is done, and what ended within the last minute; oldest first. */
  actions: z.array(HostAction),
  /** Null: nobody holds it. */
  lease: z.nullable(HostLease),
  spool: z.nullable(SpoolStatus),
  rates: z.nullable(HostRates),
  /** Messages of this host that the hub could not read, with the newest reason. */
  rejected: z.nullable(z.object({ count: z.int(), reason: z.string(), at: Instant })),
  /** Newest sample at the time of a snapshot. Samples travel in `control_perf` and never raise `seq`. */
  sample: z.nullable(PerfSample),
})
export type FleetHost = z.infer<typeof FleetHost>

/** A change of one host: whole top-level keys. */
export const FleetPatch = z.partial(FleetHost)
export type FleetPatch = z.infer<typeof FleetPatch>

const seqs = z.record(z.string(), z.int())

/** Body of `GET /fleet` and of the snapshot frame. */
export const FleetSnapshot = z.object({
  hub_id: HubId,
  at: Instant,
  hosts: z.array(FleetHost),
  seqs,
})
export type FleetSnapshot = z.infer<typeof FleetSnapshot>

/** A favourite or hidden mark for one model of one host: `PUT /models/prefs`. */
export const ModelPref = z.strictObject({
  provider_id: HostId,
  model: z.string().check(z.minLength(1), z.maxLength(300)),
  favorite: z.optional(z.boolean()),
  hidden: z.optional(z.boolean()),
})
export type ModelPref = z.infer<typeof ModelPref>

/** A row of `GET /models`: one model of one host. */
export const ModelRow = z.extend(FleetModel, { provider_id: HostId, last_seen_at: z.nullable(Instant) })
export type ModelRow = z.infer<typeof ModelRow>
