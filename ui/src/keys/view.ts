import type { GatewayKey, KeyUser, NewGatewayKey } from "@boocontrol/shared/gateway"
import { epochMsOf } from "@boocontrol/shared/time"
import { fitsWildcard } from "@boocontrol/shared/wildcard"
import { ago, count, left } from "../kit/format.ts"
import type { Tone } from "../kit/tone.ts"
import { ApiError } from "../platform/api.ts"

export type KeyState = "in force" | "expired" | "revoked"

export function stateOf({ revoked_at, expires_at }: GatewayKey, nowMs: number): KeyState {
  if (revoked_at !== null) return "revoked"
  return expires_at !== null && epochMsOf(expires_at) <= nowMs ? "expired" : "in force"
}

const ORDER: readonly KeyState[] = ["in force", "expired", "revoked"]

/** Those that open something first, and of these what was used last; what nobody used yet by its age, the newest first. */
export function sortedKeys(keys: readonly GatewayKey[], nowMs: number): GatewayKey[] {
  const used = ({ last_used_at: at }: GatewayKey): number => (at === null ? 0 : epochMsOf(at))
  return keys.toSorted(
    (a, b) =>
      ORDER.indexOf(stateOf(a, nowMs)) - ORDER.indexOf(stateOf(b, nowMs)) ||
      used(b) - used(a) ||
      epochMsOf(b.created_at) - epochMsOf(a.created_at),
  )
}

export interface UsageLine {
  readonly what: string
  readonly text: string
  /** 0 to 1; null: nothing bounds it. */
  readonly share: number | null
  readonly tone: Tone
}

export interface Usage {
  readonly minute: readonly UsageLine[]
  readonly day: readonly UsageLine[]
  readonly month: readonly UsageLine[]
}

/** What is used of what may be used. Without a limit: what was used, where it is anything. */
export function usageOf(key: GatewayKey): Usage {
  const { used } = key
  return {
    minute: [
      usage("requests", [used.requests_minute, key.requests_per_min], count),
      usage("tokens", [used.tokens_minute, key.tokens_per_min], count),
    ].flat(),
    day: [
      usage("tokens", [used.tokens_day, key.tokens_per_day], count),
      usage("money", [used.money_day, key.money_per_day], money),
    ].flat(),
    month: [
      usage("tokens", [used.tokens_month, key.tokens_per_month], count),
      usage("money", [used.money_month, key.money_per_month], money),
    ].flat(),
  }
}

// From here on somebody may want to look before it is used up.
const NEARLY = 0.8

function usage(
  what: string,
  [used, limit]: readonly [number, number | null],
  write: (value: number) => string,
): UsageLine[] {
  if (limit === null) return used === 0 ? [] : [{ what, text: write(used), share: null, tone: "idle" }]
  const share = Math.min(1, used / limit)
  const tone = share >= 1 ? "bad" : share >= NEARLY ? "warn" : "ok"
  return [{ what, text: `${write(used)} of ${write(limit)}`, share, tone }]
}

/** In the unit of the price tables, whatever that is. */
export function money(value: number): string {
  if (value === 0) return "0"
  return value >= 0.01 ? value.toFixed(2) : value.toPrecision(1)
}

/** `in 12d`, `expired 3 days ago`; null: it never does. */
export function expiryWords({ expires_at: at }: GatewayKey, nowMs: number): string | null {
  if (at === null) return null
  const ms = epochMsOf(at) - nowMs
  return ms > 0 ? `in ${left(ms)}` : `expired ${ago(-ms)}`
}

/** `boochat from 10.0.0.7, curl/8.5.0`; null: not known. */
export function userWords(user: KeyUser | null): string | null {
  if (user === null) return null
  const [agent = ""] = (user.user_agent ?? "").split(" ")
  return `${user.source}${user.client_ip === null ? "" : ` from ${user.client_ip}`}${agent === "" ? "" : `, ${agent}`}`
}

/** Names and patterns that no model has now: nothing is wrong with them, but a typing error looks like this. */
export function unmatched(patterns: readonly string[], names: readonly string[]): string[] {
  if (names.length === 0) return []
  return patterns.filter((pattern) => !names.some((name) => fitsWildcard(pattern, name)))
}

/** A model that a key may use, to ask for in an example. */
export function exampleModel({ models }: Pick<GatewayKey, "models">, names: readonly string[]): string {
  if (models === null) return "auto"
  const found = models.flatMap((pattern) => names.find((name) => fitsWildcard(pattern, name)) ?? [])
  return found[0] ?? models.find((name) => !name.includes("*")) ?? models[0] ?? "auto"
}

/** Ready to paste, for a shell. */
export function examplesOf({ url, key, model }: { url: string; key: string; model: string }) {
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] })
  return {
    env: `export OPENAI_BASE_URL=${url}/v1\nexport OPENAI_API_KEY=${key}`,
    curl: [
      `curl ${url}/v1/chat/completions \\`,
      `  -H 'authorization: Bearer ${key}' -H 'content-type: application/json' \\`,
      `  -d '${body.replaceAll("'", String.raw`'\''`)}'`,
    ].join("\n"),
  }
}

const ROLES = "Keys are shown to tokens of role read; making and revoking them takes one of role admin."

/** Why something was not done, and by whom it can be. */
export function failureWords(error: unknown): string {
  if (!(error instanceof ApiError)) return "It failed for a reason this page does not know"
  return error.status === 401 || error.status === 403 ? `${error.message}. ${ROLES}` : error.message
}

/** As above, of a key that was asked for: where no answer came, it may be there. */
export function makingFailureWords(error: unknown): string {
  const words = failureWords(error)
  const mayBeThere = error instanceof ApiError && (error.status === null || error.code === "REPLY_REJECTED")
  return mayBeThere
    ? `${words}. The key may have been made all the same, and nobody has seen it: revoke it if it is in the list`
    : words
}

export function labelInUse(keys: readonly GatewayKey[], label: NewGatewayKey["label"]): boolean {
  return keys.some((key) => key.label === label.trim() && key.revoked_at === null)
}
