import type { EndpointKind } from "@boocontrol/shared/gateway"
import { fitsWildcard } from "@boocontrol/shared/wildcard"

/** What a key may use; null no limit. */
export interface KeyLimits {
  readonly requests_per_min: number | null
  readonly tokens_per_min: number | null
  readonly tokens_per_day: number | null
  readonly tokens_per_month: number | null
  readonly money_per_day: number | null
  readonly money_per_month: number | null
}

/** What it has used: the last minute request by request, so that a bound holds in every minute, not from one to the next. */
export interface KeyUse {
  readonly starts: number[]
  readonly spent: { atMs: number; tokens: number }[]
  /** Where the last minute begins in either: taking them off one by one would move all others each time. */
  startsFrom: number
  spentFrom: number
  minuteTokens: number
  /** Set aside for requests that run: a stream counts from its start. */
  reserved: number
  running: number
  /** What the dearest of its requests cost, today. */
  dearest: number
  day: number
  dayTokens: number
  dayMoney: number
  month: number
  monthTokens: number
  monthMoney: number
}

export type Admission =
  | { readonly ok: true }
  /** `retryAfterS` null: the request alone is more than the limit, whenever it comes. */
  | { readonly ok: false; readonly limit: keyof KeyLimits; readonly retryAfterS: number | null }

const MINUTE_MS = 60_000
const KEPT_BEHIND = 1_000
const DAY_MS = 86_400_000
/** When what runs will have ended nobody knows. */
const RUNNING_MS = 5_000

export function unusedKey(nowMs: number): KeyUse {
  return {
    ...{ starts: [], spent: [], startsFrom: 0, spentFrom: 0, minuteTokens: 0, reserved: 0 },
    ...{ running: 0, dearest: 0 },
    ...{ dayTokens: 0, dayMoney: 0, monthTokens: 0, monthMoney: 0 },
    ...{ day: dayOf(nowMs), month: monthOf(nowMs) },
  }
}

export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}

/** Months since 1970. */
export function monthOf(ms: number): number {
  const date = new Date(ms)
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
}

/** Forgets what lies behind the windows. */
function roll(use: KeyUse, nowMs: number): void {
  const since = nowMs - MINUTE_MS
  while ((use.starts[use.startsFrom] ?? nowMs) <= since) use.startsFrom++
  for (;;) {
    const oldest = use.spent[use.spentFrom]
    if (oldest === undefined || oldest.atMs > since) break
    use.minuteTokens -= oldest.tokens
    use.spentFrom++
  }
  if (use.startsFrom > KEPT_BEHIND && use.startsFrom * 2 > use.starts.length) {
    use.starts.splice(0, use.startsFrom)
    use.startsFrom = 0
  }
  if (use.spentFrom > KEPT_BEHIND && use.spentFrom * 2 > use.spent.length) {
    use.spent.splice(0, use.spentFrom)
    use.spentFrom = 0
  }
  if (use.day === dayOf(nowMs)) return
  Object.assign(use, { day: dayOf(nowMs), dayTokens: 0, dayMoney: 0, dearest: 0 })
  if (use.month !== monthOf(nowMs))
    Object.assign(use, { month: monthOf(nowMs), monthTokens: 0, monthMoney: 0 })
}

/** What has been used by now. */
export function usedBy(use: KeyUse, nowMs: number) {
  roll(use, nowMs)
  return {
    ...{ requests_minute: use.starts.length - use.startsFrom, tokens_minute: use.minuteTokens },
    ...{ tokens_day: use.dayTokens, tokens_month: use.monthTokens },
    ...{ money_day: use.dayMoney, money_month: use.monthMoney },
  }
}

const TOKEN_LIMITS = ["tokens_per_min", "tokens_per_day", "tokens_per_month"] as const

/**
 * Lets a request begin and sets its tokens aside, or names the limit that stands against it. What runs counts with what
 * it was let in for, so that many streams at once cannot pass a bound together.
 */
export function admit(
  use: KeyUse,
  limits: KeyLimits,
  { nowMs, tokens }: { nowMs: number; tokens: number },
): Admission {
  roll(use, nowMs)
  const tooSmall = TOKEN_LIMITS.find((limit) => over(tokens, limits[limit]))
  if (tooSmall !== undefined) return { ok: false, limit: tooSmall, retryAfterS: null }
  const wanted = use.reserved + tokens
  const oldestStart = use.starts[use.startsFrom] ?? nowMs
  if (limits.requests_per_min !== null && use.starts.length - use.startsFrom >= limits.requests_per_min)
    return no("requests_per_min", oldestStart + MINUTE_MS - nowMs)
  if (limits.tokens_per_min !== null) {
    const oldest = use.spent[use.spentFrom]?.atMs ?? nowMs - MINUTE_MS + 1000
    if (use.minuteTokens + wanted > limits.tokens_per_min)
      return no("tokens_per_min", oldest + MINUTE_MS - nowMs)
  }
  const toMidnight = (use.day + 1) * DAY_MS - nowMs
  if (over(use.dayTokens + wanted, limits.tokens_per_day)) return no("tokens_per_day", toMidnight)
  if (over(use.monthTokens + wanted, limits.tokens_per_month))
    return no("tokens_per_month", toNextMonth(use, nowMs))
  if (limits.money_per_day !== null && use.dayMoney >= limits.money_per_day)
    return no("money_per_day", toMidnight)
  if (limits.money_per_month !== null && use.monthMoney >= limits.money_per_month)
    return no("money_per_month", toNextMonth(use, nowMs))
  // What a request costs is known only afterwards. Those that run are taken to be as dear as the dearest; alone one may begin
  // as long as anything is left.
  const mayCost = use.running > 0 ? (use.running + 1) * use.dearest : 0
  if (over(use.dayMoney + mayCost, limits.money_per_day)) return no("money_per_day", RUNNING_MS)
  if (over(use.monthMoney + mayCost, limits.money_per_month)) return no("money_per_month", RUNNING_MS)
  use.starts.push(nowMs)
  use.reserved += tokens
  use.running += 1
  return { ok: true }
}

/** The request is over: what it really used takes the place of what was set aside. */
export function settle(
  use: KeyUse,
  done: { nowMs: number; reserved: number; tokens: number; money: number },
): void {
  const { nowMs, reserved, tokens, money } = done
  roll(use, nowMs)
  use.reserved = Math.max(0, use.reserved - reserved)
  use.running = Math.max(0, use.running - 1)
  use.dearest = Math.max(use.dearest, money)
  const newest = use.spent.at(-1)
  if (newest?.atMs === nowMs && use.spentFrom < use.spent.length) newest.tokens += tokens
  else if (tokens > 0) use.spent.push({ atMs: nowMs, tokens })
  use.minuteTokens += tokens
  use.dayTokens += tokens
  use.monthTokens += tokens
  use.dayMoney += money
  use.monthMoney += money
}

function toNextMonth({ month }: KeyUse, nowMs: number): number {
  return Date.UTC(1970 + Math.floor((month + 1) / 12), (month + 1) % 12) - nowMs
}

function over(wanted: number, limit: number | null): boolean {
  return limit !== null && wanted > limit
}

function no(limit: keyof KeyLimits, ms: number): Admission {
  return { ok: false, limit, retryAfterS: Math.max(1, Math.ceil(ms / 1000)) }
}

/** Bytes of JSON text per token, on the careful side; a picture's bytes are no tokens, nor a recording's. */
const BYTES_PER_TOKEN = 4
const TOKENS_OF_FILES = 1_000
const TAKES_FILES: ReadonlySet<EndpointKind> = new Set(["transcription", "images"])

/** No model runs for it, and no provider charges it: it counts as a request alone. */
export function isFree({ endpoint, servedBy }: Pick<TokenAsk, "endpoint" | "servedBy">): boolean {
  return servedBy === "loaded" || endpoint === "count_tokens" || endpoint === "voices"
}

export interface TokenAsk {
  readonly endpoint: EndpointKind
  readonly servedBy: "any" | "host" | "loaded"
  readonly promptBytes: number | null
  readonly maxTokens: number | null
  readonly hasImages: boolean
}

export function estimateTokens(ask: TokenAsk): number {
  if (isFree(ask)) return 0
  const text = Math.ceil((ask.promptBytes ?? 0) / BYTES_PER_TOKEN)
  const ofFiles = TAKES_FILES.has(ask.endpoint) ? Math.min(text, TOKENS_OF_FILES) : text
  return (ask.hasImages ? TOKENS_OF_FILES : ofFiles) + Math.max(0, ask.maxTokens ?? 0)
}

/** `*` stands for anything: `qwen*`, `auto:*`. */
export function allows(patterns: readonly string[], model: string): boolean {
  return patterns.some((pattern) => fitsWildcard(pattern, model))
}
