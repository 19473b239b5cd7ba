import { ROUTE_ORDERS, ROUTE_TASKS } from "@boocontrol/shared/route-policy"
import { didYouMean } from "./did-you-mean.ts"

/** A place of a policy, in words for who wrote something else there. */
export interface PolicyField {
  readonly is: string
  /** As it is written. */
  readonly example: string
  /** What was most likely meant, as it is written; null: nobody can say. */
  readonly guess: (given: unknown) => string | null
}

const nothing = (): null => null
const field = (is: string, example: string, guess: PolicyField["guess"] = nothing): PolicyField => ({
  is,
  example,
  guess,
})

/** `32k`, `1.5 s`, `60%`: a figure with what is not written here. */
function amountIn(given: unknown): { value: number; unit: string } | null {
  if (typeof given === "number") return { value: given, unit: "" }
  const [, value, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z%]*)\s*$/.exec(String(given)) ?? []
  return value === undefined ? null : { value: Number(value), unit: unit.toLowerCase() }
}

const rounded = (value: number): string => String(Math.round(value * 1e6) / 1e6)

interface Bounds {
  readonly from: number
  readonly to: number
  readonly isWhole?: boolean
}
const within = (value: number, { from, to, isWhole = false }: Bounds): string | null =>
  value >= from && value <= to && (!isWhole || Number.isInteger(value)) ? rounded(value) : null

const PER_SECOND: Readonly<Record<string, number>> = {
  ...{ ms: 0.001, s: 1, sec: 1, secs: 1, second: 1, seconds: 1, "": 1 },
  ...{ m: 60, min: 60, minute: 60, minutes: 60, h: 3600, hour: 3600 },
}
const SECONDS = { from: 0, to: 3600 }
const seconds = field("a number of seconds from 0 to 3600, without a unit", "30", (given) => {
  const amount = amountIn(given)
  if (amount === null) return null
  const isMs = amount.unit === "" && amount.value > SECONDS.to
  const each = isMs ? 0.001 : PER_SECOND[amount.unit]
  const told = each === undefined ? null : within(amount.value * each, SECONDS)
  return told !== null && isMs ? `${told}, if milliseconds were meant` : told
})

const TOKENS = { from: 1, to: Number.MAX_SAFE_INTEGER, isWhole: true }
const tokens = field("a whole number of tokens, without a unit", "32000", (given) => {
  const amount = amountIn(given)
  const each = { "": 1, k: 1000, m: 1_000_000, tokens: 1 }[amount?.unit ?? "?"]
  return amount === null || each === undefined ? null : within(amount.value * each, TOKENS)
})

const share = field("a number from 0 to 1", "0.6", (given) => {
  const amount = amountIn(given)
  if (amount === null || (amount.unit !== "" && amount.unit !== "%")) return null
  return within(amount.unit === "%" || amount.value > 1 ? amount.value / 100 : amount.value, {
    from: 0,
    to: 1,
  })
})

const figure = (is: string, example: string, bounds: Bounds): PolicyField =>
  field(is, example, (given) => {
    const amount = amountIn(given)
    return amount?.unit === "" ? within(amount.value, bounds) : null
  })

const weight = figure("a number from 0 to 100", "1", { from: 0, to: 100 })

const TRUE = new Set(["true", "yes", "on", "1"])
const FALSE = new Set(["false", "no", "off", "0"])
const yesNo = (example: string): PolicyField =>
  field("true or false", example, (given) => {
    const word = String(given).toLowerCase()
    return TRUE.has(word) ? "true" : FALSE.has(word) ? "false" : null
  })

const choice = (of: readonly string[], example = of[0] ?? ""): PolicyField =>
  field(`one of ${of.join(", ")}`, example, (given) =>
    typeof given === "string" ? didYouMean(given, of) : null,
  )

/** `8:00`, `8`, `800`, `8 pm`, `24:00`. */
function clockIn(given: unknown): string | null {
  const found = /^\s*(\d{1,2}?)(?::?(\d\d))?(?::\d\d)?\s*([ap])?\.?m?\.?\s*$/i.exec(String(given))
  if (!found) return null
  const [, hours = "", minutes = "00", half] = found
  const hour = Number(hours) === 12 && half !== undefined ? 0 : Number(hours)
  const ofDay = (hour + (half?.toLowerCase() === "p" ? 12 : 0)) % 24
  return Number(hours) <= 24 && Number(minutes) < 60 ? `"${String(ofDay).padStart(2, "0")}:${minutes}"` : null
}
const clock = field('a time of day in UTC, from "00:00" to "23:59"', '"08:00"', clockIn)

const quoted = (given: unknown): string | null =>
  (typeof given === "string" && given !== "") || typeof given === "number"
    ? JSON.stringify(String(given))
    : null
const listed = (given: unknown): string | null => {
  const one = quoted(given)
  return one === null ? null : `[${one}]`
}
const names = (of: string, example: string): Record<"list" | "entry", PolicyField> => ({
  list: field(`a list of 1 to 100 ${of}, in which * stands for anything`, `["${example}"]`, listed),
  entry: field("a text of 1 to 200 characters, in which * stands for anything", `"${example}"`, quoted),
})
const lists = (place: string, of: Readonly<Record<string, readonly [string, string]>>) =>
  Object.fromEntries(
    Object.entries(of).flatMap(([name, [what, example]]) => {
      const { list, entry } = names(what, example)
      return [[`${place}.${name}`, list] as const, [`${place}.${name}.*`, entry] as const]
    }),
  )

const name = field(
  "1 to 40 lower-case letters, digits and dashes, not beginning with a dash",
  "work",
  (given) =>
    typeof given === "string"
      ? given
          .toLowerCase()
          .replaceAll(/[^a-z0-9]+/g, "-")
          .replaceAll(/^-+|-+$/g, "")
          .slice(0, 40) || null
      : null,
)
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
const text = (most: number, example: string): PolicyField =>
  field(`a text of at most ${most} characters`, example)
const block = (of: string, example: string): PolicyField => field(`a block with ${of}`, example)

/** Every place of a policy; `*` is an entry of a list, or a name that is chosen freely. */
export const POLICY_FIELDS: Readonly<Record<string, PolicyField>> = {
  "": block("name and rules", "{ name: work, rules: [{ order: fast }] }"),
  name,
  description: text(300, "coding on the big hosts"),
  enabled: yesNo("true"),
  rules: field("a list of 1 to 50 rules", "[{ order: fast }]"),
  "rules.*": block("match, candidates, order and their like", "{ order: fast }"),
  "rules.*.name": field("a text of 1 to 60 characters", "agents", quoted),
  "rules.*.match": block("conditions", "{ tools: true }"),
  ...lists("rules.*.match", {
    model: ["names that are asked for", "auto:work"],
    source: ["sources", "boocoder"],
    key: ["labels of keys", "boochat"],
    endpoint: ["endpoints", "chat"],
  }),
  "rules.*.match.tools": yesNo("true"),
  "rules.*.match.images": yesNo("true"),
  "rules.*.match.prompt_tokens": block("from, below or both", "{ from: 32000 }"),
  "rules.*.match.prompt_tokens.from": tokens,
  "rules.*.match.prompt_tokens.below": tokens,
  "rules.*.match.header": block("names of headers, each with what it must be", '{ x-team: "a*" }'),
  "rules.*.match.header.*": field(
    "the lower-case name of a header with a text of 1 to 200 characters, in which * stands for anything",
    '"a*"',
    quoted,
  ),
  "rules.*.match.time": block("from and to", '{ from: "08:00", to: "20:00" }'),
  "rules.*.match.time.from": clock,
  "rules.*.match.time.to": clock,
  "rules.*.match.time.days": field("a list of days", "[mon, tue]", listed),
  "rules.*.match.time.days.*": choice(DAYS),
  "rules.*.candidates": field("a list of 1 to 50 picks", '[{ models: ["*coder*"] }]'),
  "rules.*.candidates.*": block("models, hosts, tags, quants or targets", '{ models: ["*coder*"] }'),
  ...lists("rules.*.candidates.*", {
    models: ["models", "*coder*"],
    hosts: ["hosts", "big-*"],
    tags: ["tags of hosts", "fast"],
    quants: ["quantisations", "Q6*"],
    targets: ["providers", "deepseek"],
  }),
  "rules.*.candidates.*.peers": yesNo("true"),
  "rules.*.order": choice(ROUTE_ORDERS),
  "rules.*.task": choice(ROUTE_TASKS),
  "rules.*.weights": block("time, cost and quality", "{ time: 1, cost: 1, quality: 2 }"),
  "rules.*.weights.time": weight,
  "rules.*.weights.cost": weight,
  "rules.*.weights.quality": weight,
  "rules.*.filters": block("what a candidate must have", "{ quality_floor: 0.6 }"),
  "rules.*.filters.quality_floor": share,
  "rules.*.filters.capabilities": field("a list of at most 20 capabilities", "[vision]", listed),
  "rules.*.filters.capabilities.*": field("a text", "vision", quoted),
  "rules.*.filters.min_context": tokens,
  "rules.*.filters.max_cost_per_mtok": figure("a number from 0, for a million tokens", "0.5", {
    ...{ from: 0, to: Number.MAX_SAFE_INTEGER },
  }),
  "rules.*.dispatch": block("how long is waited, and how often it is tried", "{ max_wait_s: 60 }"),
  "rules.*.dispatch.attempts": figure("a whole number from 1 to 10", "3", { from: 1, to: 10, isWhole: true }),
  "rules.*.dispatch.max_wait_s": seconds,
  "rules.*.dispatch.overflow_after_s": seconds,
}

/** What may be left out, with what that means; else a list that is empty has to get an entry. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  "rules.*.candidates": "every model of every host",
  "rules.*.match.time.days": "every day",
}
