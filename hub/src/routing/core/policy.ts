import type { RouteMatch, RoutePick, RoutePolicy, RouteRule } from "@boocontrol/shared/route-policy"
import type { RouteAsk } from "@boocontrol/shared/routing"
import { fitsWildcard } from "@boocontrol/shared/wildcard"
import { placeKey, providerOf } from "./view.ts"
import type { Place, RouteView } from "./view.ts"

/** A policy made ready: patterns are compiled once, when it is saved, and not for each request. */
export interface CompiledPolicy {
  readonly policy: RoutePolicy
  readonly version: number
  readonly rules: readonly CompiledRule[]
}

export interface CompiledRule {
  readonly rule: RouteRule
  readonly name: string
  readonly matches: (ask: RouteAsk, nowMs: number) => boolean
  /** The conditions that do not hold, by their names. */
  readonly misses: (ask: RouteAsk, nowMs: number) => string[]
  /** Which picks a place belongs to, the first of them; null: none. */
  readonly pickOf: (place: Place) => number | null
}

export function compilePolicy(policy: RoutePolicy, version: number): CompiledPolicy {
  const rules = policy.rules.map((rule, index): CompiledRule => {
    const picks = rule.candidates?.map(compilePick) ?? [compilePick({})]
    return {
      rule,
      name: rule.name ?? `rule ${index + 1}`,
      ...compileMatch(rule.match ?? {}),
      pickOf(place) {
        const found = picks.findIndex((pick) => pick(place))
        return found < 0 ? null : found
      },
    }
  })
  return { policy, version, rules }
}

/** The first rule that matches; null: none does. */
export function ruleFor(policy: CompiledPolicy, ask: RouteAsk, nowMs: number): CompiledRule | null {
  return policy.rules.find((rule) => rule.matches(ask, nowMs)) ?? null
}

/** Names of the headers that rules look at. */
export function headersIn({ rules }: RoutePolicy): string[] {
  return [...new Set(rules.flatMap(({ match }) => Object.keys(match?.header ?? {})))]
}

/** Everything there is that a rule picks, once each. */
export function placesOf(rule: CompiledRule, view: RouteView): Place[] {
  const found = new Map<string, Place>()
  const add = (place: Place): void => {
    if (rule.pickOf(place) !== null) found.set(placeKey(providerOf(place), place.model.id), place)
  }
  for (const host of view.hosts) for (const model of host.models) add({ kind: "host", host, model })
  for (const target of view.targets) for (const model of target.models) add({ kind: "target", target, model })
  return [...found.values()]
}

/** `*` stands for any run of characters; case does not count. */
export function pattern(text: string): (value: string) => boolean {
  const wanted = text.toLowerCase()
  return (value) => fitsWildcard(wanted, value.toLowerCase())
}

function anyOf(patterns: readonly string[] | undefined): ((value: string) => boolean) | null {
  if (!patterns) return null
  const tests = patterns.map(pattern)
  return (value) => tests.some((test) => test(value))
}

function compilePick({
  models,
  hosts,
  tags,
  quants,
  targets,
  peers = false,
}: RoutePick): (place: Place) => boolean {
  const [model, host, tag, quant, target] = [models, hosts, tags, quants, targets].map(anyOf)
  const ofHostsOnly = host ?? tag ?? quant ?? null
  return (place) => {
    if (place.kind === "target") {
      // A frontier provider costs money and sees the prompt: it is never picked without being named.
      if (!target || ofHostsOnly !== null || !target(place.target.id)) return false
      return !model || model(place.model.id)
    }
    if (target) return false
    const names = [place.model.id, ...place.model.aliases]
    return (
      (peers || !place.model.isPeer) &&
      (!model || names.some(model)) &&
      (!host || host(place.host.id)) &&
      (!tag || place.host.tags.some(tag)) &&
      (!quant || (place.model.quant !== null && quant(place.model.quant)))
    )
  }
}

interface Condition {
  readonly name: string
  readonly holds: (ask: RouteAsk, nowMs: number) => boolean
}

function compileMatch(match: RouteMatch): Pick<CompiledRule, "matches" | "misses"> {
  const conditions: Condition[] = []
  const must = (name: string, holds: Condition["holds"]): void => void conditions.push({ name, holds })
  for (const name of ["model", "source", "key", "endpoint"] as const) {
    const test = anyOf(match[name])
    if (!test) continue
    must(name, (ask) => {
      const value = ask[name]
      return value !== null && test(value)
    })
  }
  const { tools, images, prompt_tokens: prompt, time } = match
  if (tools !== undefined) must("tools", (ask) => ask.tools === tools)
  if (images !== undefined) must("images", (ask) => ask.images === images)
  if (prompt) {
    const { from = 0, below = Infinity } = prompt
    must("prompt_tokens", ({ prompt_tokens: tokens }) => tokens !== null && tokens >= from && tokens < below)
  }
  for (const [name, wanted] of Object.entries(match.header ?? {})) {
    const test = pattern(wanted)
    must(`header ${name}`, ({ headers }) => {
      // A name may be one that every object has.
      const value = Object.hasOwn(headers, name) ? headers[name] : undefined
      return value !== undefined && test(value)
    })
  }
  if (time) must("time", (_ask, nowMs) => isWithin(time, nowMs))
  return {
    matches: (ask, nowMs) => conditions.every(({ holds }) => holds(ask, nowMs)),
    misses: (ask, nowMs) => conditions.filter(({ holds }) => !holds(ask, nowMs)).map(({ name }) => name),
  }
}

const DAY_MS = 86_400_000
const DAYS = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"] as const

function isWithin({ from, to, days }: NonNullable<RouteMatch["time"]>, nowMs: number): boolean {
  const [fromMs, toMs] = [msOf(from), msOf(to)]
  const ofDay = ((nowMs % DAY_MS) + DAY_MS) % DAY_MS
  const overMidnight = toMs <= fromMs
  const isIn = overMidnight ? ofDay >= fromMs || ofDay < toMs : ofDay >= fromMs && ofDay < toMs
  if (!isIn || !days) return isIn
  // What began before midnight belongs to the day it began on. The epoch was a Thursday.
  const begun = Math.floor(nowMs / DAY_MS) - (overMidnight && ofDay < toMs ? 1 : 0)
  const day = DAYS[((begun % 7) + 7) % 7]
  return day !== undefined && days.includes(day)
}

function msOf(clock: string): number {
  const [hours = 0, minutes = 0] = clock.split(":").map(Number)
  return (hours * 60 + minutes) * 60_000
}
