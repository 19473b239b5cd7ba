import type { RoutePolicy } from "@boocontrol/shared/route-policy"
import { ExplainRequest } from "@boocontrol/shared/routing"
import { instantOf } from "@boocontrol/shared/time"
import { nameOf } from "./view.ts"

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const
export type Day = (typeof DAYS)[number]

export const ENDPOINTS = [
  "chat/completions",
  "completions",
  "responses",
  "messages",
  "embeddings",
  "rerank",
  "infill",
  "audio/speech",
  "audio/transcriptions",
  "images",
] as const

/** A request that nobody sends: everything that a policy can match on, as a form has it. */
export interface ImaginedAsk {
  readonly model: string
  /** Empty where a number is not given: not known. */
  readonly tokens: number | ""
  readonly maxTokens: number | ""
  readonly tools: boolean
  readonly images: boolean
  readonly source: string
  readonly key: string
  readonly endpoint: string
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  /** UTC, as policies are; an empty time is now. */
  readonly day: Day | ""
  readonly time: string
}

export function plainAsk(policy: RoutePolicy): ImaginedAsk {
  return {
    ...{ model: nameOf(policy.name), tokens: 600, maxTokens: "", tools: false, images: false },
    ...{ source: "", key: "", endpoint: "chat/completions", headers: [], day: "", time: "" },
  }
}

/** Names of the headers that rules of a policy look at. */
export function headersOf({ rules }: RoutePolicy): string[] {
  return [...new Set(rules.flatMap(({ match }) => Object.keys(match?.header ?? {})))]
}

/** How many of the rarer conditions are set: they are folded away. */
export function rareCount(ask: ImaginedAsk): number {
  const set = [
    ask.source !== "",
    ask.key !== "",
    ask.endpoint !== "chat/completions",
    ask.maxTokens !== "",
    ask.day !== "" || ask.time !== "",
    ...ask.headers.map(({ name, value }) => name !== "" && value !== ""),
  ]
  return set.filter(Boolean).length
}

/**
 * What is asked of the hub. The edited policy decides what is addressed to it; any other name goes where it goes today.
 */
export function explainOf(
  ask: ImaginedAsk,
  policy: RoutePolicy,
  nowMs: number,
): { ok: true; request: ExplainRequest } | { ok: false; problems: string[] } {
  const askedMs = momentOf(ask, nowMs)
  const parsed = ExplainRequest.safeParse({
    ...{ model: ask.model, tools: ask.tools, images: ask.images, endpoint: ask.endpoint },
    ...{ prompt_tokens: ask.tokens === "" ? null : ask.tokens, source: orNull(ask.source) },
    ...{ max_tokens: ask.maxTokens === "" ? null : ask.maxTokens, key: orNull(ask.key) },
    headers: Object.fromEntries(
      ask.headers.flatMap(({ name, value }) =>
        name === "" || value === "" ? [] : [[name.toLowerCase(), value]],
      ),
    ),
    ...(askedMs === null ? {} : { asked_at: instantOf(askedMs) }),
    ...(isOfPolicy(ask, policy) ? { policy } : {}),
  })
  if (parsed.success) return { ok: true, request: parsed.data }
  return {
    ok: false,
    problems: parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`),
  }
}

export function isOfPolicy({ model }: ImaginedAsk, { name }: RoutePolicy): boolean {
  return model === nameOf(name) || model === `auto:${name}`
}

const DAY_MS = 86_400_000

/** The next such moment from now on, UTC; null: now. */
function momentOf({ day, time }: ImaginedAsk, nowMs: number): number | null {
  if (day === "" && time === "") return null
  const midnight = Math.floor(nowMs / DAY_MS) * DAY_MS
  const [hours = 0, minutes = 0] = (time === "" ? timeIn(nowMs) : time).split(":").map(Number)
  const ahead = day === "" ? 0 : (DAYS.indexOf(day) - ((new Date(midnight).getUTCDay() + 6) % 7) + 7) % 7
  return midnight + ahead * DAY_MS + (hours * 60 + minutes) * 60_000
}

function timeIn(ms: number): string {
  return new Date(ms).toISOString().slice(11, 16)
}

function orNull(text: string): string | null {
  return text === "" ? null : text
}
