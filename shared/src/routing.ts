import * as z from "zod/mini"
import { VirtualModel } from "./gateway.ts"
import { HostId, SourceLabel } from "./ids.ts"
import { RoutePolicy } from "./route-policy.ts"
import { PageQuery } from "./http.ts"
import { Instant } from "./time.ts"

const amount = z.nullable(z.number())
const Name = z.string().check(z.minLength(1), z.maxLength(300))

export const SERVED_BY = ["any", "host", "loaded"] as const

/** What a request is about to be sent for, as far as a decision looks at it. Everything but the model may be left out. */
export const RouteAsk = z.strictObject({
  model: Name,
  source: z._default(z.nullable(SourceLabel), null),
  /** Label of the gateway key. */
  key: z._default(z.nullable(z.string().check(z.maxLength(80))), null),
  /** `chat/completions`, `messages`, `embeddings`, ... */
  endpoint: z._default(z.string().check(z.maxLength(80)), "chat/completions"),
  /** Of the whole prompt; estimated where nobody counted. Null: not known. */
  prompt_tokens: z._default(z.nullable(z.int().check(z.nonnegative())), null),
  /** At most so many are to be generated. Null: nobody said. */
  max_tokens: z._default(z.nullable(z.int().check(z.nonnegative())), null),
  tools: z._default(z.boolean(), false),
  images: z._default(z.boolean(), false),
  /** Lower-case names. Only those a policy looks at need to be here. */
  headers: z._default(z.record(z.string(), z.string()), {}),
  /** Same value: same conversation, whose prefix may still be warm somewhere. */
  session: z._default(z.nullable(z.string().check(z.maxLength(200))), null),
  /** Lease the request acts under. */
  lease: z._default(z.nullable(z.string().check(z.maxLength(200))), null),
  /** `host`: no provider, for what only a llama-swap has. `loaded`: only a host that has it loaded now. */
  served_by: z._default(z.enum(SERVED_BY), "any"),
})
export type RouteAsk = z.infer<typeof RouteAsk>

/** Why a candidate was not taken. */
export const ROUTE_REFUSALS = [
  "offline",
  "disabled",
  "unhealthy",
  "leased",
  "not_loaded",
  "no_context_fit",
  "dialect",
  "endpoint",
  "capability",
  "quality_floor",
  "too_dear",
  "tried",
  "full",
  "peer",
] as const
export const RouteRefusal = z.enum(ROUTE_REFUSALS)
export type RouteRefusal = z.infer<typeof RouteRefusal>

/** What an estimate rests on. `prior`: nothing was measured yet. */
export const RouteBasis = z.enum(["measured", "reported", "prior"])
export type RouteBasis = z.infer<typeof RouteBasis>

/** Terms of a candidate; times in ms. Null: not estimated, because it cannot serve anyway. */
export const RouteTerms = z.object({
  wait_ms: amount,
  load_ms: amount,
  prefill_ms: amount,
  /** Expected time to first token: the sum of the three before. */
  ttft_ms: amount,
  /** What others lose by the load: how soon they will want back what it pushes out. */
  push_out_ms: amount,
  decode_ms: amount,
  /** In the unit of the price tables. */
  cost: amount,
  quality: amount,
  /** Share of the prompt that is expected to be warm there. */
  warm_share: amount,
})
export type RouteTerms = z.infer<typeof RouteTerms>

export const RouteCandidate = z.object({
  kind: z.enum(["host", "target"]),
  provider_id: z.string(),
  model: z.string(),
  state: z.nullable(z.string()),
  /** `refused`: a filter passed it over; `beaten`: it could have served, another was better. */
  verdict: z.enum(["chosen", "beaten", "refused"]),
  reason: z.nullable(RouteRefusal),
  /** In words, with the figures that decided. */
  why: z.string(),
  terms: RouteTerms,
  basis: z.object({ load: RouteBasis, speed: RouteBasis, cost: RouteBasis, quality: RouteBasis }),
  /** Lower is better. Null for one that cannot serve. */
  score: amount,
})
export type RouteCandidate = z.infer<typeof RouteCandidate>

/** How a name was understood. */
export const ResolvedAs = z.enum(["policy", "model", "host", "target", "nothing"])
export type ResolvedAs = z.infer<typeof ResolvedAs>

/** A rule of a policy against a request: which of its conditions do not hold. Of those that all hold the first is used. */
export const RuleVerdict = z.object({ name: z.string(), is_used: z.boolean(), misses: z.array(z.string()) })
export type RuleVerdict = z.infer<typeof RuleVerdict>

/** Reply of `POST /routing/explain`: the decision as it would be made now, without sending anything. */
export const RouteExplanation = z.object({
  at: Instant,
  model: z.string(),
  as: ResolvedAs,
  policy: z.nullable(z.string()),
  policy_version: z.nullable(z.int()),
  rule: z.nullable(z.string()),
  order: z.nullable(z.string()),
  /** Every rule of the policy in its order; none where the name is no policy. */
  rules: z.array(RuleVerdict),
  candidates: z.array(RouteCandidate),
  chosen: z.nullable(z.object({ provider_id: z.string(), model: z.string() })),
  refusal: z.nullable(z.object({ reason: z.string(), message: z.string() })),
  /** Other things of the same name, passed over. */
  collisions: z.array(z.string()),
})
export type RouteExplanation = z.infer<typeof RouteExplanation>

/** Body of `POST /routing/explain`; with a policy of its own it is a dry run. */
export const ExplainRequest = z.extend(RouteAsk, {
  policy: z.optional(RoutePolicy),
  /** When it is asked, for the times of rules. What the fleet is like then nobody knows: it is taken as it is. */
  asked_at: z.optional(Instant),
})
export type ExplainRequest = z.infer<typeof ExplainRequest>

/** Kept since some version only: null of what was decided before. */
const since = <T extends z.ZodMiniType>(value: T) => z._default(z.nullable(value), null)

/** One decision of the gateway: column names of `route_dispatches`. */
export const RouteDispatch = z.object({
  id: z.string(),
  ts: Instant,
  request_id: z.nullable(z.string()),
  asked_model: z.string(),
  resolved_as: ResolvedAs,
  policy: z.nullable(z.string()),
  policy_version: z.nullable(z.int()),
  rule: z.nullable(z.string()),
  source: z.nullable(z.string()),
  key_label: z.nullable(z.string()),
  endpoint: z.string(),
  attempt: z.int(),
  provider_id: z.nullable(z.string()),
  model: z.nullable(z.string()),
  swap: z.boolean(),
  wait_ms: amount,
  expected_ttft_ms: amount,
  ttft_ms: amount,
  duration_ms: amount,
  outcome: z.enum(["ok", "failed", "refused", "cancelled", "pending"]),
  reason: z.nullable(z.string()),
  cost: amount,
  tools: since(z.boolean()),
  images: since(z.boolean()),
  /** What the decision took the prompt for; the two others are what was counted by whoever answered. */
  asked_tokens: since(z.int()),
  prompt_tokens: since(z.int()),
  output_tokens: since(z.int()),
  /** Those that some policy named when it came; null: the request did not have it. */
  headers: since(z.record(z.string(), z.nullable(z.string()))),
  candidates: z.array(RouteCandidate),
  /** As it was sent to the host; null where nothing reached it. A hub of before this was kept does not say it. */
  path: z._default(z.nullable(z.string()), null),
  /** What the host answered; null where it did not, or nobody waited for it. */
  status_code: z._default(z.nullable(z.int()), null),
  client_ip: z._default(z.nullable(z.string()), null),
  user_agent: z._default(z.nullable(z.string()), null),
  session_id: z._default(z.nullable(z.string()), null),
})
export type RouteDispatch = z.infer<typeof RouteDispatch>

export const DispatchesQuery = z.strictObject({
  provider_id: z.optional(z.string().check(z.maxLength(60))),
  policy: z.optional(z.string().check(z.maxLength(60))),
  source: z.optional(SourceLabel),
  /** The name that was asked for. */
  asked_model: z.optional(Name),
  request_id: z.optional(z.string().check(z.maxLength(200))),
  ...PageQuery.shape,
})
export type DispatchesQuery = z.infer<typeof DispatchesQuery>

export const FLOW_WINDOWS = ["hour", "day", "week"] as const
/** Query of `GET /routing/flows`. */
export const FlowsQuery = z.strictObject({ window: z._default(z.enum(FLOW_WINDOWS), "day") })
export type FlowsQuery = z.infer<typeof FlowsQuery>

/** What one source sent to one place for one name; an attempt that failed over counts where it was made. */
export const RouteFlow = z.object({
  source: z.nullable(z.string()),
  /** A policy (`auto:code`) or a model by its name; null: a name that leads nowhere. */
  asked: z.nullable(z.string()),
  /** Null: it was sent nowhere. */
  provider_id: z.nullable(z.string()),
  model: z.nullable(z.string()),
  requests: z.int(),
  failed: z.int(),
  refused: z.int(),
  swaps: z.int(),
  /** Of so many requests the tokens are known; null where of none. */
  counted: z.int(),
  prompt_tokens: z.nullable(z.int()),
  output_tokens: z.nullable(z.int()),
  last_at: Instant,
})
export type RouteFlow = z.infer<typeof RouteFlow>
/** Who sends what where, most first. `from` is the beginning of the ten minutes in which the window begins. */
export const RouteFlows = z.object({
  from: Instant,
  to: Instant,
  /** Of all flows, also of those that are not listed. */
  requests: z.int(),
  flows: z.int(),
  rows: z.array(RouteFlow),
})
export type RouteFlows = z.infer<typeof RouteFlows>

/** Body and reply of `POST /routing/resolve`: what another application's stored model ids lead to. */
export const ResolveRequest = z.strictObject({
  ids: z.array(Name).check(z.minLength(1), z.maxLength(500)),
})
export type ResolveRequest = z.infer<typeof ResolveRequest>
export const ResolvedId = z.object({
  id: z.string(),
  route: z.enum(["gateway", "gateway_error"]),
  reason: z.optional(z.string()),
})
export type ResolvedId = z.infer<typeof ResolvedId>
export const ResolveReply = z.object({ rows: z.array(ResolvedId) })
export type ResolveReply = z.infer<typeof ResolveReply>

/** A model on one host or target with what routing knows of it: rows of `GET /routing/scores`. */
export const RouteScore = z.object({
  kind: z.enum(["host", "target"]),
  provider_id: z.string(),
  model: z.string(),
  quant: z.nullable(z.string()),
  state: z.nullable(z.string()),
  /** `loaded`, `swap_needed`, `offline`, `leased`, `unhealthy`. */
  status: z.enum(["loaded", "loading", "swap_needed", "offline", "leased", "unhealthy"]),
  inflight: z.nullable(z.int()),
  load_ms: amount,
  prompt_tps: amount,
  gen_tps: amount,
  context_length: z.nullable(z.int()),
  /** Per million tokens, prompt and output as an ordinary request has them. */
  cost_per_mtok: amount,
  quality: z.record(z.string(), z.object({ score: z.number(), basis: z.enum(["measured", "prior"]) })),
  /** Tasks for which nothing better is healthy now. */
  best_for: z.array(z.string()),
})
export type RouteScore = z.infer<typeof RouteScore>
export const RouteScores = z.object({
  at: Instant,
  rows: z.array(RouteScore),
  /** Names of policies and of frontier models, with what they lead to now. */
  virtual: z.array(VirtualModel),
  /** Names that mean more than one thing, and what they mean first. */
  collisions: z.array(z.object({ name: z.string(), means: z.array(z.string()) })),
})
export type RouteScores = z.infer<typeof RouteScores>

/** Price of a frontier model per million tokens. */
export const TargetModel = z.strictObject({
  id: Name,
  input_per_mtok: z.number().check(z.nonnegative()),
  output_per_mtok: z.number().check(z.nonnegative()),
  cached_input_per_mtok: z.optional(z.number().check(z.nonnegative())),
  context_length: z.optional(z.nullable(z.int().check(z.positive()))),
  capabilities: z._default(z.array(z.string()), []),
  /** 0 to 1 by task, where one wants to say it. */
  quality: z._default(z.record(z.string(), z.number().check(z.gte(0), z.lte(1))), {}),
})
export type TargetModel = z.infer<typeof TargetModel>

export const TARGET_DIALECTS = ["openai", "anthropic"] as const
export const TargetDialect = z.enum(TARGET_DIALECTS)
export type TargetDialect = z.infer<typeof TargetDialect>

/** What a provider serves of the gateway's endpoints, by what it speaks. The rest is llama-swap's alone. */
export const TARGET_ENDPOINTS: Readonly<Record<TargetDialect, readonly string[]>> = {
  openai: [
    "chat/completions",
    "completions",
    "responses",
    "embeddings",
    "audio/speech",
    "audio/transcriptions",
    "images",
  ],
  anthropic: ["messages", "messages/count_tokens"],
}

const targetFields = {
  display_name: z.string().check(z.minLength(1), z.maxLength(80)),
  dialect: TargetDialect,
  /** Up to and without `/v1/...`; must be http or https. */
  base_url: z
    .string()
    .check(z.regex(/^https?:\/\/[^\s/@]+(\/[^\s?#@]*)?$/, "an http or https address without credentials")),
  enabled: z.boolean(),
  models: z.array(TargetModel).check(z.maxLength(500)),
  /** More requests are not sent there at once, per hub: they go elsewhere or wait. */
  max_concurrent: z.int().check(z.positive(), z.lte(10_000)),
}

/** A frontier provider as REST gives it: its credential is never shown again. */
export const RouteTarget = z.object({
  target_id: HostId,
  ...targetFields,
  has_credential: z.boolean(),
  created_at: Instant,
  updated_at: Instant,
})
export type RouteTarget = z.infer<typeof RouteTarget>

const MOST_PORT = 65_535
const TARGET_ADDRESS = /^https?:\/\/(?:[^\s/@:?#[\]]+|\[[\da-f:.]+\])(?::(\d{1,5}))?(?:\/[^\s?#@]*)?$/i

/** What is given now; what was stored before is read as it is, so that one of them does not keep the others away. */
const givenFields = {
  ...targetFields,
  base_url: z.string().check(
    z.refine((url) => {
      const found = TARGET_ADDRESS.exec(url)
      return found !== null && Number(found[1] ?? 0) <= MOST_PORT
    }, "an http or https address without credentials, such as https://api.example.com"),
    z.refine((url) => !/\/v1\/?$/.test(url), "the address before /v1, which is put behind it"),
  ),
  models: targetFields.models.check(
    z.refine((models) => new Set(models.map(({ id }) => id)).size === models.length, "each model once"),
  ),
}

/** It becomes a header: a line end that was copied with it could never be sent. */
const Credential = z
  .string()
  .check(z.maxLength(1000), z.regex(/^[\x21-\x7e]+$/, "a key without blanks and line ends"))

/** Body of `POST /routing/targets`. */
export const NewTarget = z.strictObject({
  target_id: HostId,
  ...givenFields,
  enabled: z._default(z.boolean(), true),
  max_concurrent: z._default(targetFields.max_concurrent, 16),
  credential: z.optional(Credential),
})
export type NewTarget = z.infer<typeof NewTarget>

/** Body of `PATCH /routing/targets/:id`; null takes the credential away. */
export const TargetPatch = z.strictObject({
  ...z.partial(z.object(givenFields)).shape,
  credential: z.optional(z.nullable(Credential)),
})
export type TargetPatch = z.infer<typeof TargetPatch>

/** Body of `POST /routing/replay`: last week's requests against this policy, before it is saved. */
export const ReplayRequest = z.strictObject({
  policy: RoutePolicy,
  hours: z._default(z.int().check(z.gte(1), z.lte(31 * 24)), 168),
})
export type ReplayRequest = z.infer<typeof ReplayRequest>

const ReplayFigures = z.object({
  requests: z.int(),
  refused: z.int(),
  swaps: z.int(),
  ttft_p50_ms: amount,
  ttft_p95_ms: amount,
  cost: amount,
})
export type ReplayFigures = z.infer<typeof ReplayFigures>
export const ReplayReply = z.object({
  /** What was really looked at: of more requests than can be played again, the newest. */
  from: Instant,
  to: Instant,
  /** What was asked for. */
  asked_from: Instant,
  /** Requests stored in what was asked for, how many of them were looked at, and how many of those played again. */
  stored: z.int(),
  read: z.int(),
  played: z.int(),
  /** Of those that were played: came through the gateway, which kept their tools, images, key and headers. */
  noted: z.int(),
  /** Headers that the policy names and of which nothing was kept: its rules with them match no stored request. */
  unknown_headers: z.array(z.string()),
  /** The same simulation of the stored requests, sent where they went, and where the policy would send them. */
  as_it_was: ReplayFigures,
  with_policy: ReplayFigures,
  /** Requests the figures leave out, and why. */
  left_out: z.record(z.string(), z.int()),
  by_model: z.array(z.object({ provider_id: z.string(), model: z.string(), requests: z.int() })),
})
export type ReplayReply = z.infer<typeof ReplayReply>
