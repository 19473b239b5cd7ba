import * as z from "zod/mini"
import { Instant } from "./time.ts"

/**
 * State of a model on one host. `error` is derived: it was starting, then stopped without having been ready;
 * the next load clears it. Null: not known (the host is down or has not spoken).
 */
export const MODEL_STATES = ["ready", "starting", "stopping", "stopped", "error"] as const
export const ModelState = z.enum(MODEL_STATES)
export type ModelState = z.infer<typeof ModelState>

/** One model of a host. */
export const ModelReading = z.object({
  id: z.string(),
  name: z.nullable(z.string()),
  description: z.nullable(z.string()),
  aliases: z.array(z.string()),
  state: z.nullable(ModelState),
  /** Since when it is in this state, as seen by the sidecar; null where the change itself was not seen. */
  state_since: z.nullable(Instant),
  /** Why it is in `error`. */
  error: z.nullable(z.string()),
  /** Configured idle time after which the engine unloads it, seconds; 0 is never; null not known. */
  ttl_s: z.nullable(z.number()),
  /** When it will be unloaded if nobody asks: estimated from `ttl_s` and the end of the last request. */
  expires_at: z.nullable(Instant),
  /** Of one request: of one slot where the server of the model was asked itself. */
  context_length: z.nullable(z.int()),
  /** Requests that its server works on at once, where it was asked; others wait in it. */
  slots: z.optional(z.nullable(z.int())),
  /** Quantisation as spelled in its name or file, e.g. `Q4_K_M`. */
  quant: z.nullable(z.string()),
  /** How long loads of this model took here lately, ms; null before the first was seen. */
  load_ms_typical: z.nullable(z.number()),
  /** VRAM it holds, MiB. `process`: what its process holds; `load_delta`: rise of memory in use over its load. */
  vram_mib: z.nullable(z.number()),
  vram_basis: z.nullable(z.enum(["process", "load_delta"])),
  unlisted: z.boolean(),
  /** Set where the engine only forwards to a peer: such a model is not this host's own. */
  peer: z.nullable(z.string()),
  capabilities: z.array(z.string()),
})
export type ModelReading = z.infer<typeof ModelReading>

/** A change of state, seen live or inferred from two lists. */
export const ModelTransition = z.object({
  model: z.string(),
  from: z.nullable(ModelState),
  to: ModelState,
  at: Instant,
  reason: z.nullable(z.string()),
})
export type ModelTransition = z.infer<typeof ModelTransition>

/** Data of `.models`: always the full list, plus the transitions since the last message. */
export const ModelsData = z.object({
  models: z.array(ModelReading),
  transitions: z.array(ModelTransition),
})
export type ModelsData = z.infer<typeof ModelsData>

/** A row of `control_model_events`; a note of the host itself has model `*` and its kind as state. */
export const ModelEventRow = z.object({
  provider_id: z.string(),
  model: z.string(),
  state: z.string(),
  ts: Instant,
  detail: z.nullable(z.record(z.string(), z.unknown())),
})
export type ModelEventRow = z.infer<typeof ModelEventRow>

/** Finds the quantisation in a model id, file name or command line: `…-Q4_K_M.gguf`, `IQ3_XS`, `BF16`. */
export function quantOf(text: string): string | null {
  const match =
    /(?:^|[^a-z0-9])((?:UD-)?I?Q[1-8](?:_[A-Z0-9]{1,3}){0,3}|MXFP4|NVFP4|BF16|F16|FP16|F32|FP8|AWQ|GPTQ)(?=$|[^a-z0-9])/i.exec(
      text,
    )
  return match?.[1] ? match[1].toUpperCase() : null
}
