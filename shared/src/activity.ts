import * as z from "zod/mini"
import { HostId, RequestId, SourceLabel, SwapEpoch } from "./ids.ts"
import { Instant } from "./time.ts"

const count = z.nullable(z.int().check(z.nonnegative()))
const rate = z.nullable(z.number().check(z.nonnegative()))
const label = z.nullable(z.string())

/**
 * What the token counts of a row rest on. `timings`: llama.cpp's own, so the engine's `input_tokens` are the
 * uncached part of the prompt. `usage`: the API's usage object, so they are the whole prompt, but for Anthropic's
 * `/v1/messages`, whose usage leaves the cache out; `prompt_tokens` and `uncached_tokens` mean the same everywhere.
 */
export const TokenBasis = z.enum(["timings", "usage", "unknown"])
export type TokenBasis = z.infer<typeof TokenBasis>

/**
 * How the caller of a row was found, the surest first. A row of an engine does not say who asked.
 *
 * - `exact`: the engine's capture of this very row holds the headers of its request.
 * - `only`: of all requests that were seen in flight, only this one fits in model, path, end and length, and it fits no
 *   other row.
 * - `gateway`: of all requests that a gateway sent to this host, only this one fits in model, path, status, end and
 *   length, and it fits no other row.
 * - `closest`: several requests in flight fit, and one of them by its length much better than the others.
 * - `alike`: several fit, all of the same source: which of them it was is not known, and what they differ in is null.
 */
export const AttributionBasis = z.enum(["exact", "only", "gateway", "closest", "alike"])
export type AttributionBasis = z.infer<typeof AttributionBasis>

/** Higher is surer; 0 where it is not known how a caller was found, if one was. */
export function surenessOf(basis: AttributionBasis | null | undefined): number {
  return !basis ? 0 : AttributionBasis.options.length - AttributionBasis.options.indexOf(basis)
}

const caller = {
  source: z.nullable(SourceLabel),
  request_id: label,
  client_ip: label,
  user_agent: label,
  session_id: label,
}

/**
 * What may only become known after the row, by a later message with the same identity. A surer finding replaces a less
 * sure one as a whole; of one as sure, only what was unknown is filled in.
 */
const enrichment = {
  ...caller,
  /** Null: nobody is known. Left out by sidecars of before this was kept. */
  attribution: z.optional(z.nullable(AttributionBasis)),
}

/** Identity of a request row within a host: the store it stood in, its id there, and its time. */
const identity = {
  swap_epoch: SwapEpoch,
  swap_entry_id: z.int().check(z.nonnegative()),
  ts: Instant,
}

const measured = {
  model: z.string(),
  req_path: label,
  status_code: z.nullable(z.int()),
  /** Wall time in ms, queueing and model load included. */
  duration_ms: rate,
  cache_tokens: count,
  /** As the engine gave it: see `token_basis` for what it means. */
  input_tokens: count,
  prompt_tokens: count,
  uncached_tokens: count,
  token_basis: TokenBasis,
  output_tokens: count,
  prompt_tps: rate,
  gen_tps: rate,
  draft_tokens: count,
  draft_accepted: count,
  error: label,
  has_capture: z.boolean(),
}

/**
 * A finished request as a sidecar saw it. `ts` is the time it ended (the engine gives whole seconds).
 * `swap_epoch` names an activity store, not a process: it changes only when the row at the last known id is
 * no longer the same row.
 */
export const ObservedRequest = z.object({ ...identity, ...measured, ...enrichment })
export type ObservedRequest = z.infer<typeof ObservedRequest>

/** Later knowledge about a row that was sent before. Null fields say nothing new. */
export const RequestEnrichment = z.object({ ...identity, ...enrichment })
export type RequestEnrichment = z.infer<typeof RequestEnrichment>

/** Data of `.activity`: new rows in the order of the store, then enrichments of earlier rows. */
export const ActivityData = z.object({
  rows: z.array(ObservedRequest),
  enrichments: z.optional(z.array(RequestEnrichment)),
})
export type ActivityData = z.infer<typeof ActivityData>

/** A stored request row, as REST and the activity frame give it. Column names of `control_requests`. */
export const ActivityRow = z.object({
  id: RequestId,
  provider_id: HostId,
  ...identity,
  ...measured,
  ...caller,
  /** Null: nobody is known, or it is from before this was kept. */
  attribution: z._default(z.nullable(AttributionBasis), null),
})
export type ActivityRow = z.infer<typeof ActivityRow>

/** Rows of one host that were just committed, as the hub announces them. `event_at`: when the sidecar sent them. */
export const CommittedActivity = z.object({
  provider_id: HostId,
  rows: z.array(ActivityRow),
  event_at: z.nullable(Instant),
})
export type CommittedActivity = z.infer<typeof CommittedActivity>

/** The path that the row of this request will carry: llama-swap strips its own prefixes before it writes it. */
export function rowPathOf(path: string | null, model: string): string | null {
  if (path === null) return null
  const upstream = `/upstream/${model}/`
  const inner = path.startsWith(upstream) ? path.slice(upstream.length - 1) : path
  return inner.replace(/^\/(?:v|audioapi)\//, "/")
}

/** A request in flight, queued and loading ones included. Headers are redacted. */
export const InflightRequest = z.object({
  id: z.string(),
  started_at: z.nullable(Instant),
  model: z.string(),
  req_path: label,
  method: label,
  /** `waiting` until the engine sent headers: queued or loading. Null where the engine does not say. */
  phase: z.nullable(z.enum(["waiting", "answering"])),
  resp_bytes: z.nullable(z.int()),
  headers: z.record(z.string(), z.string()),
  ...caller,
})
export type InflightRequest = z.infer<typeof InflightRequest>

/** Data of `.inflight`: all requests in flight; null where this engine cannot list them, with their number if it says that. */
export const InflightData = z.object({
  requests: z.nullable(z.array(InflightRequest)),
  total: z.nullable(z.int()),
})
export type InflightData = z.infer<typeof InflightData>

/** Aggregates of `GET /activity/stats`, one per source and model. */
export const ActivityStatsRow = z.object({
  provider_id: HostId,
  model: z.string(),
  source: z.nullable(z.string()),
  requests: z.int(),
  errors: z.int(),
  prompt_tokens: count,
  cache_tokens: count,
  output_tokens: count,
  gen_tps_mean: rate,
  prompt_tps_mean: rate,
  duration_ms_mean: rate,
  /** What these tokens take on that host, at the power and speed measured there last; null where nothing was measured. */
  energy_wh: rate,
  /** That energy at the price of a kilowatt hour that routing reckons with. */
  cost: rate,
})
export type ActivityStatsRow = z.infer<typeof ActivityStatsRow>
export const ActivityStats = z.object({
  from: Instant,
  to: Instant,
  rows: z.array(ActivityStatsRow),
  /** Share of the requests, 0 to 1, of which nobody could tell who sent them; null without requests. */
  unattributed: z.nullable(z.number()),
})
export type ActivityStats = z.infer<typeof ActivityStats>

/** Of the requests that match, how many have a caller that was found in one way. */
export const AttributionShare = z.object({
  /** Null: nobody is known, or it is from before the way was kept. */
  attribution: z.nullable(AttributionBasis),
  requests: z.int(),
  /** Those of them that have a source: a caller may be known without one. */
  with_source: z.int(),
  /** Of all requests that match, 0 to 1. */
  share: z.number(),
})
export type AttributionShare = z.infer<typeof AttributionShare>

/** Reply of `GET /activity/attribution`: how sure it is who sent what, the surest way first. */
export const ActivityAttribution = z.object({
  from: Instant,
  to: Instant,
  requests: z.int(),
  rows: z.array(AttributionShare),
  /** Share of the requests, 0 to 1, without a source; null without requests. */
  unattributed: z.nullable(z.number()),
})
export type ActivityAttribution = z.infer<typeof ActivityAttribution>
