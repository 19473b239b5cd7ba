import { readFileSync } from "node:fs"
import { parse as parseYaml } from "yaml"
import { z } from "zod"
import { GPU_KIND_NAMES } from "./gpu/kinds.ts"

const Slug = z.string().regex(/^[a-z0-9-]{1,40}$/)
const Range = z
  .tuple([z.number().nonnegative(), z.number().nonnegative()])
  .refine(([low, high]) => low <= high)

export const ModelScenario = z.strictObject({
  id: z.string().min(1),
  name: z.string().default(""),
  description: z.string().default(""),
  aliases: z.array(z.string()).default([]),
  unlisted: z.boolean().default(false),
  file: z.string().default("model-Q4_K_M.gguf"),
  /** Free text that a configuration can add; shown in /v1/models. */
  metadata: z.record(z.string(), z.string()).default({}),
  kind: z.enum(["chat", "embedding", "rerank"]).default("chat"),
  vision: z.boolean().default(false),
  tools: z.boolean().default(false),
  context: z.number().int().positive().default(8192),
  /** Leave the context out of the configuration: llama-swap then does not know it. */
  context_configured: z.boolean().default(true),
  /** 0 = never unloaded for idleness. */
  ttl_s: z.number().int().nonnegative().default(0),
  load_s: z.number().nonnegative().default(6),
  stop_s: z.number().nonnegative().default(0.6),
  /** One entry per GPU of the host, in index order. */
  vram_mib: z.array(z.number().nonnegative()).default([2000]),
  prefill_tps: z.number().positive().default(1000),
  decode_tps: z.number().positive().default(40),
  slots: z.number().int().positive().default(2),
  concurrency_limit: z.number().int().nonnegative().default(0),
  /** What the engine behind it says about tokens: llama.cpp timings, only usage, or nothing at all. */
  reports: z.enum(["timings", "usage", "nothing"]).default("timings"),
  send_loading_state: z.boolean().default(false),
  /** Share of generated tokens that came from accepted drafts; null = no draft model. */
  draft_acceptance: z.number().min(0).max(1).nullable().default(null),
  fail_start_chance: z.number().min(0).max(1).default(0),
  crash_chance: z.number().min(0).max(1).default(0),
})
export type ModelScenario = z.infer<typeof ModelScenario>

export const ClientScenario = z.strictObject({
  source: Slug,
  model: z.string(),
  path: z.string().default("/v1/chat/completions"),
  stream: z.boolean().default(true),
  user_agent: z.string().default("OpenAI/JS 6.1.0"),
  remote_ip: z.string().default("192.168.1.20"),
  /** Requests of one session share a growing prompt, so that the prompt cache has something to do. */
  session_turns: z.number().int().positive().default(1),
  prompt_tokens: Range.default([50, 400]),
  output_tokens: Range.default([20, 200]),
  think_s: Range.default([5, 15]),
  first_after_s: z.number().nonnegative().default(1),
  abort_chance: z.number().min(0).max(1).default(0),
  error_chance: z.number().min(0).max(1).default(0),
})
export type ClientScenario = z.infer<typeof ClientScenario>

export const GroupScenario = z.strictObject({
  id: z.string(),
  swap: z.boolean().default(true),
  exclusive: z.boolean().default(true),
  persistent: z.boolean().default(false),
  members: z.array(z.string()),
})
export type GroupScenario = z.infer<typeof GroupScenario>

const ERA_VERSIONS = { old: "v235", new: "v250-5-g0bdb372" } as const

const HostShape = z.strictObject({
  host_id: Slug,
  name: z.string().optional(),
  os: z.enum(["linux", "windows"]).default("linux"),
  /** A shorthand for a version that shows the era's shapes. */
  era: z.enum(["old", "new"]).default("new"),
  /** v235 | v250 | v250-5-g0bdb372, ...: decides the shapes where it is given. */
  version: z
    .string()
    .regex(/^v\d+(-\d+-g[0-9a-f]+)?$/)
    .optional(),
  utc_offset_minutes: z.number().int().min(-720).max(840).default(-420),
  seed: z.number().int().optional(),
  gpus: z.array(z.enum(GPU_KIND_NAMES)).default(["rtx-3090"]),
  driver: z.string().default("580.95"),
  cuda: z.string().default("13.0"),
  cpu: z.string().default("AMD Ryzen 9 7950X 16-Core Processor"),
  cores: z.number().int().positive().default(16),
  memory_gib: z.number().positive().default(64),
  models: z.array(ModelScenario).min(1),
  groups: z.array(GroupScenario).default([]),
  /** Already loaded when the host starts, so that a page has something to show at once. */
  ready: z.array(z.string()).default([]),
  profiles: z
    .array(
      z.strictObject({
        id: z.string(),
        description: z.string().default(""),
        pins: z.record(z.string(), z.string()).default({}),
      }),
    )
    .default([]),
  peers: z.array(z.strictObject({ id: z.string(), models: z.array(z.string()) })).default([]),
  api_keys: z.array(z.string()).default([]),
  metrics_max_in_memory: z.number().int().positive().default(1000),
  capture_buffer_mb: z.number().nonnegative().default(5),
  performance: z
    .strictObject({
      enabled: z.boolean().default(true),
      every_s: z.number().min(1).default(5),
      /** Lines of one GPU that get lost in a burst of several. */
      drop_chance: z.number().min(0).max(1).default(0.03),
      gpu: z.boolean().default(true),
    })
    .prefault({}),
  /** Keep the activity over a restart of the process, as a configured store.path does. */
  persistent_store: z.boolean().default(false),
  /** Requests that meet a connection the model's server was just closing: 502 at once, with nothing in it. */
  spurious_502_chance: z.number().min(0).max(1).default(0),
  traffic: z.array(ClientScenario).default([]),
})

export const HostScenario = HostShape.check((context) => {
  const host = context.value
  const ids = new Set(host.models.flatMap((model) => [model.id, ...model.aliases]))
  const named = [
    ...host.ready.map((id) => ["ready", id] as const),
    ...host.groups.flatMap((group) => group.members.map((id) => [`group ${group.id}`, id] as const)),
  ]
  for (const [where, id] of named) {
    if (ids.has(id)) continue
    context.issues.push({ code: "custom", input: id, message: `${where} names an unknown model: ${id}` })
  }
}).transform((host) => ({
  ...host,
  name: host.name ?? host.host_id,
  version: host.version ?? ERA_VERSIONS[host.era],
  seed: host.seed,
}))
export type HostScenario = z.output<typeof HostScenario>
export type HostScenarioInput = z.input<typeof HostScenario>

export const FleetScenario = z.strictObject({
  name: z.string(),
  description: z.string().default(""),
  hosts: z.array(HostScenario).min(1),
})
export type FleetScenario = z.output<typeof FleetScenario>

export function readFleetScenario(path: string | URL): FleetScenario {
  return FleetScenario.parse(parseYaml(readFileSync(path, "utf8")))
}

/** Which shapes a version speaks. */
export interface Edition {
  version: string
  /** Its number: what came with which release is looked up by it. */
  release: number
  /** Before v236: whole rows in the stream, the ring at /api/metrics. */
  old: boolean
  /** After v250: bounds on ids and times in the activity query, several models, and errors as objects. */
  afterV250: boolean
}

export function editionOf(version: string): Edition {
  const [, number = "0", ahead] = /^v(\d+)(?:-(\d+)-)?/.exec(version) ?? []
  const release = Number(number)
  return {
    version,
    release,
    old: release < 236,
    afterV250: release > 250 || (release === 250 && ahead !== undefined),
  }
}
