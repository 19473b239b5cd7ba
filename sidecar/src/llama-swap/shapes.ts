import * as z from "zod/mini"

/**
 * llama-swap's own shapes, as found on the wire. Everything beyond what is needed to recognise a message may be
 * missing: it grew over many versions.
 */
const text = z.optional(z.nullable(z.string()))
const number = z.optional(z.nullable(z.number()))
const flag = z.optional(z.nullable(z.boolean()))
const headers = z.optional(z.nullable(z.record(z.string(), z.string())))

export const Envelope = z.object({ type: z.string(), data: z.string() })

const tokens = {
  cache_tokens: number,
  draft_tokens: number,
  draft_acc_tokens: number,
  input_tokens: number,
  output_tokens: number,
  prompt_per_second: number,
  tokens_per_second: number,
}
export const Tokens = z.object(tokens)
export type Tokens = z.infer<typeof Tokens>

/** Token figures stand in `tokens`, before v209 beside it. */
export const Row = z.object({
  id: z.int().check(z.nonnegative()),
  timestamp: z.string(),
  model: z.string(),
  req_path: text,
  resp_status_code: number,
  tokens: z.optional(z.nullable(Tokens)),
  ...tokens,
  duration_ms: number,
  has_capture: flag,
  error_msg: text,
})
export type Row = z.infer<typeof Row>

/** One bad row must not hide the others: rows are parsed one by one. */
export const RowPageReply = z.object({
  data: z.nullable(z.array(z.unknown())),
  total: number,
  total_pages: number,
})
export const RowRing = z.nullable(z.array(z.unknown()))

export const ModelStatus = z.object({
  id: z.string(),
  name: text,
  description: text,
  state: z.optional(z.nullable(z.string())),
  unlisted: flag,
  peerID: text,
  aliases: z.optional(z.nullable(z.array(z.string()))),
  capabilities: z.optional(z.nullable(z.record(z.string(), z.unknown()))),
  context_length: number,
})
export type ModelStatus = z.infer<typeof ModelStatus>
export const ModelStatusList = z.array(ModelStatus)

export const Running = z.object({
  running: z.nullable(
    z.array(z.object({ model: z.string(), state: z.string(), cmd: text, proxy: text, ttl: number })),
  ),
})
export type Running = z.infer<typeof Running>

export const ModelsReply = z.object({
  data: z.nullable(
    z.array(
      z.object({
        id: z.string(),
        context_length: number,
        meta: z.optional(z.nullable(z.object({ n_ctx: number }))),
      }),
    ),
  ),
})

export const LogChunk = z.object({ source: z.string(), data: z.string() })
export const Doorbell = z.object({ id: z.int() })
export const UiConfig = z.object({
  activity: z.optional(z.object({ session_id: z.optional(z.nullable(z.array(z.string()))) })),
})

export const InflightEntry = z.object({
  id: z.string(),
  timestamp: z.string(),
  model: z.optional(z.string()),
  req_path: text,
  method: text,
  req_headers: headers,
  remote_ip: text,
  resp_headers: headers,
  resp_bytes: number,
  elapsed_ms: number,
})
export type InflightEntry = z.infer<typeof InflightEntry>

/** v240+ sends changes, v235-239 the whole list, v192-234 only how many. */
export const InflightMessage = z.union([
  z.object({ operation: z.literal("snapshot"), requests: z.optional(z.nullable(z.array(InflightEntry))) }),
  z.object({ operation: z.literal("upsert"), request: InflightEntry }),
  z.object({ operation: z.literal("remove"), id: z.string() }),
  z.object({ requests: z.nullable(z.array(InflightEntry)) }),
  z.object({ total: z.int() }),
])
export type InflightMessage = z.infer<typeof InflightMessage>

export const Version = z.object({ version: z.string() })

const Gpu = z.object({
  timestamp: z.string(),
  id: z.int(),
  name: text,
  uuid: text,
  temp_c: number,
  vram_temp_c: number,
  gpu_util_pct: number,
  mem_used_mb: number,
  mem_total_mb: number,
  fan_speed_pct: number,
  power_draw_w: number,
})
export type Gpu = z.infer<typeof Gpu>
const Sys = z.object({
  timestamp: z.string(),
  cpu_util_per_core: z.optional(z.nullable(z.array(z.number()))),
  mem_total_mb: number,
  mem_used_mb: number,
  swap_total_mb: number,
  swap_used_mb: number,
  load_avg_1: number,
  net_io: z.optional(
    z.nullable(z.array(z.object({ name: z.string(), bytes_recv: z.number(), bytes_sent: z.number() }))),
  ),
})
export type Sys = z.infer<typeof Sys>
/** Bodies are base64; null where the route keeps none. */
export const Capture = z.object({
  id: z.int(),
  req_path: z.optional(z.nullable(z.string())),
  req_headers: z.optional(z.nullable(z.record(z.string(), z.string()))),
  req_body: z.optional(z.nullable(z.string())),
  resp_headers: z.optional(z.nullable(z.record(z.string(), z.string()))),
  resp_body: z.optional(z.nullable(z.string())),
})
export type Capture = z.infer<typeof Capture>

export const Performance = z.object({
  enabled: flag,
  sys_stats: z.optional(z.nullable(z.array(Sys))),
  gpu_stats: z.optional(z.nullable(z.array(Gpu))),
})
export type Performance = z.infer<typeof Performance>

const named = z.optional(z.nullable(z.object({ name: text, version: text })))
export const HardwareReply = z.object({
  operating_system: z.optional(z.nullable(z.object({ family: text, name: text, version: text }))),
  cpu: z.optional(z.nullable(z.object({ model: text, logical_thread_count: number }))),
  memory: z.optional(z.nullable(z.object({ capacity_bytes: number }))),
  accelerators: z.optional(
    z.nullable(
      z.array(
        z.object({
          index: z.int(),
          model: text,
          memory: z.optional(z.nullable(z.object({ capacity_bytes: number }))),
          driver: named,
          power_limit_watts: number,
        }),
      ),
    ),
  ),
})
export type HardwareReply = z.infer<typeof HardwareReply>

/** `error` is text up to v250 and an object later; upstream errors are passed through as they are. */
export const ErrorReply = z.object({ error: z.union([z.string(), z.object({ message: z.string() })]) })
