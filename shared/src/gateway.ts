import * as z from "zod/mini"
import { HostId, SourceLabel } from "./ids.ts"
import { ModelState } from "./models.ts"
import { Instant } from "./time.ts"

/** What a request of the gateway asks for; each has its own paths, error shape and way to end a stream. */
export const ENDPOINT_KINDS = [
  "chat",
  "completion",
  "responses",
  "messages",
  "count_tokens",
  "embeddings",
  "rerank",
  "infill",
  "speech",
  "transcription",
  "voices",
  "images",
  "other",
] as const
export const EndpointKind = z.enum(ENDPOINT_KINDS)
export type EndpointKind = z.infer<typeof EndpointKind>

/** Why a request reached no host. */
export const RefusalCode = z.enum([
  "no_model",
  "no_context_fit",
  "full",
  "offline",
  "unhealthy",
  "leased",
  "not_loaded",
])
export type RefusalCode = z.infer<typeof RefusalCode>

/** A candidate that was not taken, and why. */
export const PassedOver = z.object({
  /** Host id, or the name of a frontier target. */
  host: z.string(),
  model: z.string(),
  reason: z.string(),
})
export type PassedOver = z.infer<typeof PassedOver>

/** What the gateway itself adds to an error, inside the error object of either API. */
const gatewayFacts = {
  code: z.nullable(z.string()),
  reason: z.optional(z.string()),
  candidates: z.optional(z.array(PassedOver)),
}

/** Error reply as OpenAI's clients expect it. */
export const OpenAiError = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.nullable(z.string()),
    ...gatewayFacts,
  }),
})
export type OpenAiError = z.infer<typeof OpenAiError>

/** Error reply as Anthropic's clients expect it. */
export const AnthropicError = z.object({
  type: z.literal("error"),
  error: z.object({ type: z.string(), message: z.string(), ...gatewayFacts }),
  request_id: z.nullable(z.string()),
})
export type AnthropicError = z.infer<typeof AnthropicError>

/** Where a model is, and whether it is loaded there. */
const ModelPlace = z.object({ host: HostId, state: z.nullable(ModelState) })

/** A name that stands for more than one model, or for one of a frontier target. */
export const VirtualModel = z.object({
  id: z.string(),
  description: z.string(),
  /** The longest of those it may lead to now: a request goes to one that it fits. */
  context_length: z.nullable(z.int()),
  /** What any of those can: a request that needs it goes there. */
  capabilities: z.array(z.string()),
  /** Best first. */
  hosts: z.array(ModelPlace),
  /** Whether an answer needs no load. */
  loaded: z.boolean(),
})
export type VirtualModel = z.infer<typeof VirtualModel>

/** An entry of the gateway's `GET /v1/models`: OpenAI's four fields, what llama-swap adds, and where the model is. */
export const GatewayModel = z.object({
  id: z.string(),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.string(),
  name: z.optional(z.string()),
  description: z.optional(z.string()),
  context_length: z.optional(z.int()),
  meta: z.optional(z.object({ n_ctx: z.int() })),
  supported_parameters: z.optional(z.array(z.string())),
  status: z.object({ value: z.enum(["loaded", "unloaded"]) }),
  boo: z.object({
    kind: z.enum(["model", "alias", "virtual"]),
    /** The model an alias stands for. */
    alias_of: z.optional(z.string()),
    hosts: z.array(ModelPlace),
    capabilities: z.array(z.string()),
    /** Hosts give this name different models: said, not hidden. */
    collision: z.optional(z.string()),
  }),
})
export type GatewayModel = z.infer<typeof GatewayModel>
/** The same entry as Anthropic's clients read it. What is not known of a model is null, and its date the epoch. */
export const AnthropicModel = z.object({
  id: z.string(),
  type: z.literal("model"),
  display_name: z.string(),
  created_at: z.string(),
  max_input_tokens: z.nullable(z.int()),
  max_tokens: z.null(),
  capabilities: z.null(),
  lifecycle: z.literal("active"),
  line: z.null(),
  deprecated_at: z.null(),
  retires_at: z.null(),
  ...{ status: GatewayModel.shape.status, boo: GatewayModel.shape.boo },
})
export type AnthropicModel = z.infer<typeof AnthropicModel>
export const AnthropicModels = z.object({
  data: z.array(AnthropicModel),
  /** In the direction that was asked for: further on, or further back. */
  has_more: z.boolean(),
  first_id: z.nullable(z.string()),
  last_id: z.nullable(z.string()),
})
export type AnthropicModels = z.infer<typeof AnthropicModels>
export const GatewayModels = z.object({ object: z.literal("list"), data: z.array(GatewayModel) })
export type GatewayModels = z.infer<typeof GatewayModels>

const limit = z.optional(z.nullable(z.int().check(z.positive())))
// What a column of Postgres holds: nobody means more in a minute.
const perMinute = z.optional(z.nullable(z.int().check(z.positive(), z.lte(2_147_483_647))))
const money = z.optional(z.nullable(z.number().check(z.positive())))

/** Body of `POST /keys`. Absent and null: no limit. */
export const NewGatewayKey = z.strictObject({
  label: SourceLabel,
  /** Exact names, or `auto:*`-like patterns in which `*` stands for anything. */
  models: z.optional(z.array(z.string().check(z.minLength(1), z.maxLength(300))).check(z.maxLength(200))),
  requests_per_min: perMinute,
  tokens_per_min: perMinute,
  tokens_per_day: limit,
  tokens_per_month: limit,
  money_per_day: money,
  money_per_month: money,
  expires_at: z.optional(z.nullable(Instant)),
})
export type NewGatewayKey = z.infer<typeof NewGatewayKey>

const known = z.nullable(z.number())

/** Who showed a key, as far as the request said. */
export const KeyUser = z.object({
  source: SourceLabel,
  client_ip: z.nullable(z.string()),
  user_agent: z.nullable(z.string()),
})
export type KeyUser = z.infer<typeof KeyUser>

/** A gateway key as it is listed: never the key itself. */
export const GatewayKey = z.object({
  id: z.uuid(),
  label: SourceLabel,
  /** The first characters, to tell keys apart. */
  hint: z.string(),
  models: z.nullable(z.array(z.string())),
  requests_per_min: known,
  tokens_per_min: known,
  tokens_per_day: known,
  tokens_per_month: known,
  money_per_day: known,
  money_per_month: known,
  expires_at: z.nullable(Instant),
  created_at: Instant,
  revoked_at: z.nullable(Instant),
  last_used_at: z.nullable(Instant),
  /** Null: nobody yet, or a hub that did not keep it. */
  last_used_by: z._default(z.nullable(KeyUser), null),
  used: z.object({
    /** Of this hub, in the minute before now. */
    requests_minute: z._default(z.int(), 0),
    tokens_minute: z._default(z.int(), 0),
    tokens_day: z.int(),
    tokens_month: z.int(),
    money_day: z.number(),
    money_month: z.number(),
  }),
})
export type GatewayKey = z.infer<typeof GatewayKey>

/** Reply of `POST /keys`: the only time the key is shown. */
export const MadeGatewayKey = z.extend(GatewayKey, { key: z.string() })
export type MadeGatewayKey = z.infer<typeof MadeGatewayKey>
