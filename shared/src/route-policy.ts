import * as z from "zod/mini"
import { Instant } from "./time.ts"

/** The part after `auto:`; `auto` itself is the policy of that name. */
export const PolicyName = z
  .string()
  .check(z.regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "lower-case letters, digits and dashes"))

/** Matches a whole name; `*` stands for any run of characters, case does not count. */
const Pattern = z.string().check(z.minLength(1), z.maxLength(200))
const Patterns = z.array(Pattern).check(z.minLength(1), z.maxLength(100))
const Clock = z.string().check(z.regex(/^([01]\d|2[0-3]):[0-5]\d$/, "a time of day such as 08:30"))

/** When a rule applies: all that is said must hold; of a list, one. */
export const RouteMatch = z.strictObject({
  model: z.optional(Patterns),
  source: z.optional(Patterns),
  key: z.optional(Patterns),
  endpoint: z.optional(Patterns),
  tools: z.optional(z.boolean()),
  images: z.optional(z.boolean()),
  prompt_tokens: z.optional(
    z.strictObject({
      from: z.optional(z.int().check(z.nonnegative())),
      below: z.optional(z.int().check(z.positive())),
    }),
  ),
  /** Lower-case header names. */
  header: z.optional(z.record(z.string().check(z.regex(/^[a-z0-9-]{1,60}$/)), Pattern)),
  /** UTC; a time that ends before it begins goes over midnight. */
  time: z.optional(
    z.strictObject({
      from: Clock,
      to: Clock,
      days: z.optional(
        z.array(z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])).check(z.minLength(1)),
      ),
    }),
  ),
})
export type RouteMatch = z.infer<typeof RouteMatch>

/** Models on hosts, or models of frontier providers. What is left out does not matter. */
export const RoutePick = z.strictObject({
  models: z.optional(Patterns),
  hosts: z.optional(Patterns),
  tags: z.optional(Patterns),
  quants: z.optional(Patterns),
  /** Frontier providers by id. They are candidates only where a pick names them. */
  targets: z.optional(Patterns),
  /** Also what a host only forwards to a peer. */
  peers: z.optional(z.boolean()),
})
export type RoutePick = z.infer<typeof RoutePick>

/**
 * `fast`: soonest done; `first-token`: soonest to begin; `cheap`: lowest cost; `quality`: best score of the task;
 * `balanced`: all three weighed; `listed`: the first pick that can serve, soonest within it.
 */
export const ROUTE_ORDERS = ["balanced", "fast", "first-token", "cheap", "quality", "listed"] as const
export const RouteOrder = z.enum(ROUTE_ORDERS)
export type RouteOrder = z.infer<typeof RouteOrder>

export const ROUTE_TASKS = ["general", "code", "chat", "long-context", "utility"] as const
export const RouteTask = z.enum(ROUTE_TASKS)
export type RouteTask = z.infer<typeof RouteTask>

const Share = z.number().check(z.gte(0), z.lte(1))
const Weight = z.number().check(z.gte(0), z.lte(100))

export const RouteRule = z.strictObject({
  name: z.optional(z.string().check(z.minLength(1), z.maxLength(60))),
  match: z.optional(RouteMatch),
  /** Without any: every model of every host. */
  candidates: z.optional(z.array(RoutePick).check(z.minLength(1), z.maxLength(50))),
  order: z._default(RouteOrder, "balanced"),
  /** Which quality counts. */
  task: z._default(RouteTask, "general"),
  weights: z.optional(
    z.strictObject({ time: z.optional(Weight), cost: z.optional(Weight), quality: z.optional(Weight) }),
  ),
  filters: z.optional(
    z.strictObject({
      /** Less than this is not good enough, 0 to 1. */
      quality_floor: z.optional(Share),
      /** What must be said to be possible, e.g. `vision`. Tools and images of the request are looked at anyway. */
      capabilities: z.optional(z.array(z.string()).check(z.maxLength(20))),
      min_context: z.optional(z.int().check(z.positive())),
      /** Per million tokens. */
      max_cost_per_mtok: z.optional(z.number().check(z.nonnegative())),
    }),
  ),
  dispatch: z.optional(
    z.strictObject({
      attempts: z.optional(z.int().check(z.gte(1), z.lte(10))),
      /** So long a request waits in the queue before it is refused as full. */
      max_wait_s: z.optional(z.number().check(z.gte(0), z.lte(3600))),
      /** Frontier targets join in only when nothing local is expected to answer within this time. */
      overflow_after_s: z.optional(z.number().check(z.gte(0), z.lte(3600))),
    }),
  ),
})
export type RouteRule = z.infer<typeof RouteRule>

/** What `auto:<name>` means: the first rule that matches. */
export const RoutePolicy = z.strictObject({
  name: PolicyName,
  description: z.optional(z.string().check(z.maxLength(300))),
  enabled: z._default(z.boolean(), true),
  rules: z.array(RouteRule).check(z.minLength(1), z.maxLength(50)),
})
export type RoutePolicy = z.infer<typeof RoutePolicy>
export type RoutePolicyGiven = z.input<typeof RoutePolicy>

/** A stored policy. Every change makes a new version; earlier ones stay. */
export const RoutePolicyRow = z.object({
  name: z.string(),
  version: z.int(),
  policy: RoutePolicy,
  builtin: z.boolean(),
  created_at: Instant,
  created_by: z.nullable(z.string()),
})
export type RoutePolicyRow = z.infer<typeof RoutePolicyRow>

/** Body of `PUT /routing/policies/:name`: a policy, or its YAML. `version` is the one that was edited. */
export const PolicySave = z.strictObject({
  policy: z.optional(RoutePolicy),
  yaml: z.optional(z.string().check(z.maxLength(100_000))),
  version: z.optional(z.int()),
})
export type PolicySave = z.infer<typeof PolicySave>

/** What works from the first minute, also without any score. */
export const DEFAULT_POLICIES: readonly RoutePolicyGiven[] = [
  {
    name: "auto",
    description: "Soonest, good enough, not dear: all three weighed",
    rules: [
      { name: "vision", match: { images: true }, order: "balanced", filters: { capabilities: ["vision"] } },
      { name: "any", order: "balanced" },
    ],
  },
  {
    name: "code",
    description: "Best at agent coding of what is healthy and fits",
    rules: [{ name: "code", order: "quality", task: "code" }],
  },
  {
    name: "fast",
    description: "Expected to be done first",
    rules: [{ name: "fast", order: "fast" }],
  },
  {
    name: "cheap",
    description: "Lowest cost per token",
    rules: [{ name: "cheap", order: "cheap" }],
  },
]

/** Something about a policy: where (`rule agents, candidate 2, hosts`), what, and what to write instead. */
export const PolicyRemark = z.object({
  path: z.string(),
  message: z.string(),
  /** Of the text that was given, from 1; null where a policy was given, or where there is no place for it. */
  line: z._default(z.nullable(z.int()), null),
})
export type PolicyRemark = z.infer<typeof PolicyRemark>

/** Reply of `POST /routing/policies/check`. */
export const PolicyCheck = z.object({
  ok: z.boolean(),
  policy: z.nullable(RoutePolicy),
  /** Why it cannot be saved. */
  problems: z.array(PolicyRemark),
  /** What is valid and most likely not meant: names that lead to nothing now. */
  doubts: z._default(z.array(PolicyRemark), []),
})
export type PolicyCheck = z.infer<typeof PolicyCheck>

/** Reply of `POST` and `PUT /routing/policies`. */
export const SavedPolicy = z.extend(RoutePolicyRow, { doubts: z.array(PolicyRemark) })
export type SavedPolicy = z.infer<typeof SavedPolicy>
