import type { RouteCandidate, RouteDispatch, RouteScore, RuleVerdict } from "@boocontrol/shared/routing"
import type { RoutePolicy, RoutePolicyRow, RouteRule } from "@boocontrol/shared/route-policy"
import { count } from "../kit/format.ts"
import type { Tone } from "../kit/tone.ts"

/** A time in ms, short. Null: not known. */
export function timeOf(ms: number | null): string {
  if (ms === null) return "–"
  if (ms < 1000) return `${Math.round(ms)} ms`
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`
}

export function costOf(cost: number | null): string {
  if (cost === null) return "–"
  return cost === 0 ? "0" : cost >= 0.01 ? cost.toFixed(2) : cost.toPrecision(2)
}

const STATUS: Record<RouteScore["status"], { text: string; tone: Tone }> = {
  loaded: { text: "loaded", tone: "ok" },
  loading: { text: "loading", tone: "warn" },
  swap_needed: { text: "swap needed", tone: "idle" },
  offline: { text: "offline", tone: "bad" },
  leased: { text: "leased", tone: "lease" },
  unhealthy: { text: "unhealthy", tone: "bad" },
}
export function statusOf({ kind, status }: Pick<RouteScore, "kind" | "status">): {
  text: string
  tone: Tone
} {
  // Nothing is loaded for us at a provider.
  return kind === "target" && status === "loaded" ? { text: "ready", tone: "ok" } : STATUS[status]
}

const TASKS: Record<string, string> = {
  general: "all-round",
  code: "code",
  chat: "chat",
  "long-context": "long-context",
  utility: "utility",
}
/** `best code model now`; several tasks in one badge where it is best at most of them. */
export function badgesOf({ best_for: best }: Pick<RouteScore, "best_for">): string[] {
  if (best.length >= 4) return ["best all-round model now"]
  return best.map((task) => `best ${TASKS[task] ?? task} model now`)
}

export interface ScoreLine {
  readonly key: string
  readonly score: RouteScore
  readonly quality: string
  readonly isPrior: boolean
}

/** Best first by the task; what cannot be asked now comes last. */
export function scoreLines(rows: readonly RouteScore[], task: string): ScoreLine[] {
  const closed = (row: RouteScore): number =>
    ["offline", "leased", "unhealthy"].includes(row.status) ? 1 : 0
  const scoreOf = (row: RouteScore): number => row.quality[task]?.score ?? -1
  return rows
    .toSorted((a, b) => closed(a) - closed(b) || scoreOf(b) - scoreOf(a) || (a.model < b.model ? -1 : 1))
    .map((score) => {
      const quality = score.quality[task]
      return {
        ...{ key: `${score.provider_id} ${score.model}`, score, isPrior: quality?.basis !== "measured" },
        quality: quality ? Math.round(quality.score * 100).toString() : "–",
      }
    })
}

export function ruleText({ order, task, match, candidates, filters }: RouteRule): string {
  const parts = [order === "quality" ? `best at ${TASKS[task] ?? task}` : ORDERS[order]]
  if (match && Object.keys(match).length > 0) parts.push(`when ${Object.keys(match).join(", ")}`)
  if (candidates) parts.push(`${candidates.length} ${candidates.length === 1 ? "pick" : "picks"}`)
  if (filters?.quality_floor !== undefined) parts.push(`at least ${Math.round(filters.quality_floor * 100)}`)
  return parts.join(" · ")
}

const ORDERS: Record<RouteRule["order"], string> = {
  balanced: "balanced",
  fast: "soonest done",
  "first-token": "soonest to begin",
  cheap: "cheapest",
  quality: "best",
  listed: "as listed",
}

export const nameOf = (name: string): string => (name === "auto" ? "auto" : `auto:${name}`)
export function versionOf({ builtin, version }: RoutePolicyRow): string {
  return builtin ? "comes with BooControl" : `version ${version}`
}

/** JSON is YAML too: what the editor shows can be edited as either. */
export function textOf(policy: RoutePolicy): string {
  const { name, description, enabled, rules } = policy
  return JSON.stringify(
    { name, ...(description === undefined ? {} : { description }), enabled, rules },
    null,
    2,
  )
}

export const EMPTY_POLICY: RoutePolicy = {
  name: "new-policy",
  enabled: true,
  rules: [{ order: "balanced", task: "general" }],
}

const OUTCOMES: Record<RouteDispatch["outcome"], Tone> = {
  ok: "ok",
  failed: "bad",
  refused: "warn",
  cancelled: "idle",
  pending: "unknown",
}
export const outcomeTone = (outcome: RouteDispatch["outcome"]): Tone => OUTCOMES[outcome]

/** Why it went there, in one line. */
export function chosenWhy({ candidates, reason }: RouteDispatch): string {
  return reason ?? candidates.find(({ verdict }) => verdict === "chosen")?.why ?? "nobody could serve it"
}

const VERDICTS: Record<RouteCandidate["verdict"], Tone> = { chosen: "ok", beaten: "idle", refused: "bad" }
export const verdictTone = (verdict: RouteCandidate["verdict"]): Tone => VERDICTS[verdict]

/** What of a request a policy could look at, where it was noted. */
export function askFacts(row: RouteDispatch): string[] {
  const { tools, images, asked_tokens: asked, prompt_tokens: prompt, output_tokens: output } = row
  const headers = Object.entries(row.headers ?? {}).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}`],
  )
  return [
    ...(row.key_label === null ? [] : [`key ${row.key_label}`]),
    ...(tools === true ? ["tools"] : []),
    ...(images === true ? ["images"] : []),
    ...(asked === null ? [] : [`prompt taken for ${count(asked)} tokens`]),
    ...(prompt === null || output === null ? [] : [`${count(prompt)} + ${count(output)} tokens counted`]),
    ...headers,
  ]
}

/** What became of a rule: used, kept from it by its conditions, or not reached. */
export function ruleVerdict(rules: readonly RuleVerdict[], index: number): { text: string; tone: Tone } {
  const rule = rules[index]
  if (rule?.is_used === true) return { text: "matches, and is used", tone: "ok" }
  const misses = rule?.misses ?? []
  if (misses.length > 0)
    return { text: `${misses.join(", ")} ${misses.length === 1 ? "does" : "do"} not match`, tone: "idle" }
  const isAfter = rules.slice(0, index).some(({ is_used: isUsed }) => isUsed)
  return { text: isAfter ? "not reached" : "the policy is switched off", tone: "idle" }
}

/** Newest first, each once. Where more came in between than were read, what was known before is let go: no hole is hidden. */
export function withNewer(
  known: readonly RouteDispatch[],
  fresh: readonly RouteDispatch[],
): readonly RouteDispatch[] {
  const ids = new Set(fresh.map(({ id }) => id))
  const rest = known.filter(({ id }) => !ids.has(id))
  return rest.length === known.length && fresh.length > 0 ? fresh : [...fresh, ...rest]
}
