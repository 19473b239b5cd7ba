import * as z from "zod/mini"
import { HostId } from "./ids.ts"
import { QueryInstant } from "./http.ts"
import { Instant } from "./time.ts"

/** Query of `GET /swaps`: one host, at most seven days; without `from` and `to` the last 24 hours. */
export const SwapsQuery = z.strictObject({
  provider_id: HostId,
  from: z.optional(QueryInstant),
  to: z.optional(QueryInstant),
})
export type SwapsQuery = z.infer<typeof SwapsQuery>

/** What loading and unloading one model cost on one host. Times in ms, energy in joules of all GPUs of the host. */
export const ModelSwaps = z.object({
  model: z.string(),
  /** Loads that ended, well or not, within the range. */
  loads: z.int(),
  /** Loads that ended without the model being ready. */
  failed: z.int(),
  load_ms: z.number(),
  load_ms_mean: z.nullable(z.number()),
  /** Of those unloads whose beginning and end were seen. */
  unload_ms: z.number(),
  /** Energy drawn while it loaded. Null: no power was measured then. */
  load_joules: z.nullable(z.number()),
})
export type ModelSwaps = z.infer<typeof ModelSwaps>

/** Two models that pushed each other out again and again. */
export const ThrashMark = z.object({
  models: z.tuple([z.string(), z.string()]),
  swaps: z.int(),
  from: Instant,
  to: Instant,
})
export type ThrashMark = z.infer<typeof ThrashMark>

/**
 * Energy of the requests of one model: GPU power over the time its requests ran, shared equally between models that
 * ran at the same time. An estimate: power is measured per card, not per request.
 */
export const ModelEnergy = z.object({
  model: z.string(),
  requests: z.int(),
  prompt_tokens: z.int(),
  output_tokens: z.int(),
  busy_ms: z.number(),
  /** Null: no power was measured while its requests ran. */
  joules: z.nullable(z.number()),
  /** Joules per 1,000 tokens, prompt and output together; null without energy or without tokens. */
  joules_per_1k_tokens: z.nullable(z.number()),
  /** Share of its busy time for which power is known, 0 to 1. */
  measured: z.number(),
})
export type ModelEnergy = z.infer<typeof ModelEnergy>

/** Reply of `GET /swaps`: what swaps cost a host, which models thrash, and what a thousand tokens cost. */
export const SwapsReply = z.object({
  provider_id: HostId,
  from: Instant,
  to: Instant,
  /** Width of the power readings behind the energy, seconds. */
  power_step_s: z.number(),
  /** Time in which the host loaded or unloaded something, each moment counted once, ms. */
  lost_ms: z.number(),
  lost_joules: z.nullable(z.number()),
  models: z.array(ModelSwaps),
  thrash: z.array(ThrashMark),
  energy: z.array(ModelEnergy),
})
export type SwapsReply = z.infer<typeof SwapsReply>
