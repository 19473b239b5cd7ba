import * as z from "zod/mini"
import { HostId } from "./ids.ts"
import { Instant } from "./time.ts"

/** Whether the engine of a host can be asked right now. */
export const Liveness = z.enum(["connected", "reconnecting", "down"])
export type Liveness = z.infer<typeof Liveness>

/** How often a sidecar says that it is there, and after how many missed ones the hub calls the host down. */
export const PRESENCE_EVERY_MS = 5_000
export const PRESENCE_MISSES_UNTIL_DOWN = 3

/** Something that keeps a host from working and that its operator can mend, e.g. a wrong API key. */
export const HostProblem = z.object({ code: z.string(), message: z.string(), since: Instant })
export type HostProblem = z.infer<typeof HostProblem>

export const EngineStatus = z.object({
  kind: z.string(),
  version: z.nullable(z.string()),
  /** Which generation of the engine's API was found by probing, e.g. `activity` or `metrics`. */
  era: z.nullable(z.string()),
  liveness: Liveness,
  last_seen_at: z.nullable(Instant),
  problem: z.nullable(HostProblem),
  /** What this engine cannot tell, so that the cockpit can say so instead of showing a hole. */
  lacks: z.array(z.string()),
})
export type EngineStatus = z.infer<typeof EngineStatus>

export const GpuInventory = z.object({
  index: z.int(),
  uuid: z.nullable(z.string()),
  name: z.nullable(z.string()),
  memory_total_mib: z.nullable(z.number()),
  power_limit_w: z.nullable(z.number()),
  driver: z.nullable(z.string()),
})
export type GpuInventory = z.infer<typeof GpuInventory>

export const Hardware = z.object({
  os_family: z.nullable(z.string()),
  os_name: z.nullable(z.string()),
  cpu_model: z.nullable(z.string()),
  cpu_threads: z.nullable(z.int()),
  memory_total_mib: z.nullable(z.number()),
  gpus: z.array(GpuInventory),
})
export type Hardware = z.infer<typeof Hardware>

/** Where GPU samples come from and why there may be none. */
export const GpuFeed = z.object({
  source: z.nullable(z.enum(["nvidia-smi", "llama-swap"])),
  state: z.enum(["streaming", "asleep", "restarting", "unavailable"]),
  reason: z.nullable(z.string()),
})
export type GpuFeed = z.infer<typeof GpuFeed>

/** What waits on a host's disk for the hub. `dropped` counts what did not fit and was lost. */
export const SpoolStatus = z.object({
  depth: z.int(),
  bytes: z.int(),
  oldest_at: z.nullable(Instant),
  dropped: z.int(),
  /**
   * What is wrong with the disk; absent while nothing is. Either nothing can be written, and what waits is in memory
   * only, or what was written cannot be synced, and a power cut would take it.
   */
  problem: z.optional(z.string()),
  /** Since when. */
  problem_at: z.optional(Instant),
})
export type SpoolStatus = z.infer<typeof SpoolStatus>

/** Data of `.presence`, every 5 s and on change. */
export const PresenceData = z.object({
  sidecar_version: z.string(),
  started_at: Instant,
  simulated: z.optional(z.boolean()),
  capabilities: z.array(z.string()),
  advertise_url: z.nullable(z.string()),
  engine: EngineStatus,
  hardware: Hardware,
  gpu_feed: GpuFeed,
  spool: SpoolStatus,
  clock: z.object({ now: Instant, steps: z.int() }),
  /** Messages from the engine or its tools that made no sense, since the start. */
  rejected: z.int(),
})
export type PresenceData = z.infer<typeof PresenceData>

/** Told to the refused instance: another sidecar holds this host id. */
export const RefusedData = z.object({
  v: z.literal(1),
  holder: z.string(),
  since: Instant,
  message: z.string(),
})
export type RefusedData = z.infer<typeof RefusedData>

/** A row of `control_hosts` as REST gives it. */
export const HostRow = z.object({
  provider_id: HostId,
  display_name: z.string(),
  os: z.nullable(z.string()),
  gpu_label: z.nullable(z.string()),
  tags: z.array(z.string()),
  enabled: z.boolean(),
  simulated: z.boolean(),
  advertise_url: z.nullable(z.string()),
  created_at: Instant,
  last_seen_at: z.nullable(Instant),
})
export type HostRow = z.infer<typeof HostRow>

/** Body of `PATCH /hosts/:id`: what an operator may change. */
export const HostPatch = z.strictObject({
  display_name: z.optional(z.string().check(z.minLength(1), z.maxLength(80))),
  gpu_label: z.optional(z.nullable(z.string().check(z.maxLength(120)))),
  tags: z.optional(z.array(z.string().check(z.minLength(1), z.maxLength(40))).check(z.maxLength(20))),
  enabled: z.optional(z.boolean()),
})
export type HostPatch = z.infer<typeof HostPatch>

/** An entry of `GET /providers`, for other applications. */
export const Provider = z.object({
  id: z.string(),
  kind: z.enum(["llama-swap", "boocontrol-gateway"]),
  base_url: z.nullable(z.string()),
  enabled: z.boolean(),
})
export type Provider = z.infer<typeof Provider>

/** How a machine becomes this host. */
export const Enrolment = z.object({
  /** One line to type on the host's machine: it fetches the credentials, once, and then runs the sidecar. */
  command: z.string(),
  /** Until when the token in it is good. */
  expires_at: Instant,
  /** The same without the hub's help, for who copies the credentials by hand. */
  run_command: z.string(),
  /** Where this hub keeps the host's credentials. Null: NATS has none, or none of ours. */
  creds_file: z.nullable(z.string()),
  nats_url: z.string(),
})
export type Enrolment = z.infer<typeof Enrolment>

/** Reply of `POST /hosts`. */
export const RegisteredHost = z.extend(HostRow, { enrolment: Enrolment })
export type RegisteredHost = z.infer<typeof RegisteredHost>

/** Body of `POST /enroll`, sent by a sidecar that has nothing but the token. */
export const EnrolRequest = z.strictObject({ token: z.string().check(z.minLength(1), z.maxLength(200)) })
export type EnrolRequest = z.infer<typeof EnrolRequest>

/** What a sidecar needs to be that host. `creds` is the content of its credentials file; null: NATS asks for none of ours. */
export const Enrolled = z.object({ provider_id: HostId, nats_url: z.string(), creds: z.nullable(z.string()) })
export type Enrolled = z.infer<typeof Enrolled>
