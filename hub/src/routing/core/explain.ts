import type { RouteCandidate, RouteExplanation, RouteRefusal, RuleVerdict } from "@boocontrol/shared/routing"
import { instantOf } from "@boocontrol/shared/time"
import { askedMsOf, isOnlyFull } from "./decide.ts"
import type { Deciding, Decision, Ranked } from "./decide.ts"
import { ruleFor } from "./policy.ts"
import { NO_TERMS, shownTerms } from "./score.ts"
import { placeKey, providerOf } from "./view.ts"
import type { Place } from "./view.ts"

/** Every candidate of a decision, its terms, and why it lost. Made when somebody reads it, not for each request. */
export function candidatesOf(
  decision: Pick<Decision, "ranked" | "refused" | "rule">,
  chosen: Ranked | null,
): RouteCandidate[] {
  const best = chosen ?? decision.ranked[0] ?? null
  const able = decision.ranked.map((ranked): RouteCandidate => {
    const isChosen = best !== null && ranked === best
    const { kind, provider_id, model, state, basis } = headOf(ranked.place, decision.rule.task)
    return {
      kind,
      provider_id,
      model,
      state,
      basis,
      verdict: isChosen ? "chosen" : "beaten",
      reason: null,
      why: isChosen || !best ? wordsOf(ranked) : beatenBy(ranked, best),
      terms: shownTerms(ranked.terms),
      score: Math.round(ranked.score),
    }
  })
  const refused = decision.refused.map(({ place, refused: { reason, why } }): RouteCandidate => ({
    ...headOf(place, decision.rule.task),
    ...{ verdict: "refused", reason, why, terms: NO_TERMS, score: null },
  }))
  return [...able, ...refused]
}

export function explanationOf(decision: Decision, deciding: Deciding): RouteExplanation {
  const { ask, resolution, policy, rule, ranked } = decision
  const chosen = ranked[0] ?? null
  return {
    ...{
      at: instantOf(deciding.moment.nowMs),
      model: ask.model,
      as: resolution.as,
      policy: policy?.policy.name ?? null,
    },
    ...{ policy_version: policy?.version ?? null, rule: rule.name, order: rule.order },
    rules: verdictsOf(decision, askedMsOf(deciding)),
    candidates: candidatesOf(decision, null),
    chosen: chosen && { provider_id: providerOf(chosen.place), model: chosen.place.model.id },
    refusal: chosen ? null : refusalIn(decision),
    collisions: [...resolution.collisions],
  }
}

function verdictsOf({ policy, ask }: Decision, askedMs: number): RuleVerdict[] {
  if (!policy) return []
  const used = policy.policy.enabled ? ruleFor(policy, ask, askedMs) : null
  return policy.rules.map((rule) => ({
    ...{ name: rule.name, is_used: rule === used, misses: rule.misses(ask, askedMs) },
  }))
}

/** What to answer when nothing can serve: the reason that most hopefully passes. */
export function refusalIn(decision: Decision): { reason: string; message: string } {
  const { refused, problem, ask } = decision
  const reasons = new Set(refused.map(({ refused: { reason } }) => reason))
  if (refused.length === 0) return { reason: "no_model", message: problem ?? `nothing serves ${ask.model}` }
  const list = refused.map(({ place, refused: { why } }) => `${providerOf(place)} ${place.model.id}: ${why}`)
  const message = `nothing can serve ${ask.model} now. ${list.slice(0, 8).join("; ")}`
  if (isOnlyFull(decision)) return { reason: "full", message }
  if (reasons.has("not_loaded"))
    return { reason: "not_loaded", message: `${message}. Asking does not load it` }
  for (const reason of ["leased", "unhealthy", "tried", "offline", "disabled"] as const)
    if (reasons.has(reason))
      return {
        reason: reason === "tried" ? "unhealthy" : reason === "disabled" ? "offline" : reason,
        message,
      }
  if (reasons.has("no_context_fit")) return { reason: "no_context_fit", message }
  return { reason: "no_model", message }
}

/** Of those who cannot serve now these may soon, though nobody does anything. */
const PASSING = new Set<RouteRefusal>(["full", "leased", "unhealthy", "tried", "offline"])

/** Whether it may help to ask again: `lasting` are those who failed this request by what does not pass by itself. */
export function mayPass({ refused }: Pick<Decision, "refused">, lasting: ReadonlySet<string>): boolean {
  return refused.some(
    ({ place, refused: { reason, lasts } }) =>
      PASSING.has(reason) && lasts !== true && !(reason === "tried" && lasting.has(providerOf(place))),
  )
}

function headOf(place: Place, task: string) {
  const { kind, model } = place
  const quality = model.quality(task).basis
  if (kind === "target") {
    const basis = { load: "reported", speed: "prior", cost: "reported", quality } as const
    return { kind, provider_id: place.target.id, model: model.id, state: null, basis }
  }
  const { load, promptTps, costPerMtok, state } = place.model
  const basis = { load: load.basis, speed: promptTps.basis, cost: costPerMtok.basis, quality }
  return { kind, provider_id: place.host.id, model: model.id, state, basis }
}

function seconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
}

function wordsOf({ terms }: Ranked): string {
  const first = terms.wait + terms.load + terms.prefill
  const parts = [`first token in ${seconds(first)}`]
  if (terms.load > 0) parts.push(`${seconds(terms.load)} of it load`)
  if (terms.wait > 500) parts.push(`${seconds(terms.wait)} wait`)
  if (terms.pushOut > 500) parts.push(`others lose ${seconds(terms.pushOut)}`)
  if (terms.warm > 0) parts.push(`${Math.round(terms.warm * 100)} % of the prompt is warm`)
  return parts.join(", ")
}

function weighedWords({ terms: loser }: Ranked, { terms: winner }: Ranked): string {
  const hundredths = (value: number): number => Math.round(value * 100)
  if (hundredths(loser.quality) < hundredths(winner.quality))
    return `quality ${hundredths(loser.quality)} against ${hundredths(winner.quality)}, which counts for`
  return loser.cost > winner.cost * 1.02
    ? "is dearer, which counts for"
    : "is behind in what the order weighs:"
}

/** The term that makes most of the difference, in words. */
function beatenBy(loser: Ranked, winner: Ranked): string {
  const differences: [string, number][] = [
    ["waits longer:", loser.terms.wait - winner.terms.wait],
    ["needs a load:", loser.terms.load - winner.terms.load],
    ["reads the prompt slower:", loser.terms.prefill - winner.terms.prefill],
    ["pushes out what others use:", loser.terms.pushOut - winner.terms.pushOut],
    [weighedWords(loser, winner), loser.handicapMs - winner.handicapMs],
  ]
  const [what, by] = differences.reduce((most, one) => (one[1] > most[1] ? one : most))
  const margin = seconds(Math.max(0, loser.score - winner.score))
  if (by <= 0)
    return `equal: ${placeKey(providerOf(winner.place), winner.place.model.id).replace("\n", " ")} came first`
  return `${what} ${seconds(by)}; ${margin} behind: ${wordsOf(loser)}`
}
