import type { RouteRule } from "@boocontrol/shared/route-policy"
import type { RouteAsk } from "@boocontrol/shared/routing"
import { refusalOf } from "./filter.ts"
import type { Health, Refused } from "./filter.ts"
import { resolveName } from "./names.ts"
import type { NameTable, Resolution } from "./names.ts"
import { placesOf, ruleFor } from "./policy.ts"
import type { CompiledPolicy, CompiledRule } from "./policy.ts"
import { orderMs, termsOf } from "./score.ts"
import type { Moment, Terms } from "./score.ts"
import type { Place, RouteView } from "./view.ts"

/** Everything a decision is made with. */
export interface Deciding {
  readonly view: RouteView
  readonly names: NameTable
  readonly policies: ReadonlyMap<string, CompiledPolicy>
  readonly moment: Moment
  /** When a request is asked that is only imagined; of a real one it is now. */
  readonly askedMs?: number
  health(provider: string, model: string): Health
}

export interface Ranked {
  readonly place: Place
  readonly terms: Terms
  /** What it is worse for that is not time, in ms it is worth. */
  readonly handicapMs: number
  readonly score: number
}

export interface Decision {
  readonly ask: RouteAsk
  readonly resolution: Resolution
  readonly policy: CompiledPolicy | null
  readonly rule: Pick<RouteRule, "order" | "task" | "filters" | "dispatch"> & { readonly name: string | null }
  /** Best first. */
  readonly ranked: readonly Ranked[]
  readonly refused: readonly { readonly place: Place; readonly refused: Refused }[]
  /** Why there is nobody at all to choose from. */
  readonly problem: string | null
}

/** Nobody can serve it now, but a provider could if it had not so much to do: that passes by itself. */
export function isOnlyFull({ ranked, refused }: Pick<Decision, "ranked" | "refused">): boolean {
  return ranked.length === 0 && refused.some(({ refused: { reason } }) => reason === "full")
}

/** What a name that is no policy is decided by: soonest done of those who hold that very model. */
const NAMED = { order: "fast", task: "general", name: null } as const satisfies Decision["rule"]

/** Which places can serve a request and in which order. The same words whoever asks: a request, a dry run, a replay. */
export function decide(ask: RouteAsk, tried: ReadonlySet<string>, deciding: Deciding): Decision {
  const resolution = resolveName(deciding.names, ask.model)
  if (resolution.policy === null) {
    const rest = { policy: null, rule: NAMED, problem: resolution.problem }
    return {
      ...rank({ ask, tried, deciding, places: resolution.places, compiled: null }),
      resolution,
      ...rest,
    }
  }
  const policy = deciding.policies.get(resolution.policy) ?? null
  return decideBy(policy, { ask, tried, deciding, resolution })
}

/** As `decide`, by a policy that may not be saved yet. */
export function decideBy(
  policy: CompiledPolicy | null,
  given: { ask: RouteAsk; tried: ReadonlySet<string>; deciding: Deciding; resolution: Resolution },
): Decision {
  const { ask, tried, deciding, resolution } = given
  const none = (problem: string): Decision => ({
    ...{ ask, resolution, policy, rule: NAMED, ranked: [], refused: [], problem },
  })
  if (!policy) return none(`there is no policy ${resolution.policy}`)
  if (!policy.policy.enabled) return none(`policy ${policy.policy.name} is switched off`)
  const compiled = ruleFor(policy, ask, askedMsOf(deciding))
  if (!compiled) return none(`no rule of policy ${policy.policy.name} matches this request`)
  const places = placesOf(compiled, deciding.view)
  const ranking = rank({ ask, tried, deciding, places, compiled })
  const problem =
    places.length === 0 ? `rule ${compiled.name} of ${policy.policy.name} picks nothing there is` : null
  return { ...ranking, resolution, policy, rule: { ...compiled.rule, name: compiled.name }, problem }
}

export function askedMsOf({ askedMs, moment }: Deciding): number {
  return askedMs ?? moment.nowMs
}

interface Ranking {
  ask: RouteAsk
  tried: ReadonlySet<string>
  deciding: Deciding
  places: readonly Place[]
  compiled: CompiledRule | null
}

function rank({
  ask,
  tried,
  deciding,
  places,
  compiled,
}: Ranking): Pick<Decision, "ask" | "ranked" | "refused"> {
  const rule = compiled?.rule ?? NAMED
  const { health, moment } = deciding
  const around = { isPicked: compiled !== null, rule, tried, health, nowMs: moment.nowMs }
  const refused: { place: Place; refused: Refused }[] = []
  const able: { place: Place; terms: Terms }[] = []
  for (const place of places) {
    const why = refusalOf(place, ask, around)
    if (why) refused.push({ place, refused: why })
    else able.push({ place, terms: termsOf(place, ask, { moment: deciding.moment, task: rule.task }) })
  }
  const kept = withoutOverflow(able, compiled?.rule.dispatch?.overflow_after_s, refused)
  const best = {
    cost: Math.min(...kept.map(({ terms }) => terms.cost)),
    quality: Math.max(...kept.map(({ terms }) => terms.quality)),
  }
  const ranked = kept.map(({ place, terms }): Ranked => {
    const handicapMs = orderMs(rule, { terms, pick: compiled?.pickOf(place) ?? 0, best })
    // One that just came back from a failure is given little, and only while others are no better.
    const probing = deciding.health(place.kind === "host" ? place.host.id : place.target.id, place.model.id)
    const doubt = probing === "probing" ? 5_000 : 0
    const score = terms.wait + terms.load + terms.prefill + terms.pushOut + handicapMs + doubt
    return { place, terms, handicapMs: handicapMs + doubt, score }
  })
  ranked.sort((a, b) => a.score - b.score)
  return { ask, ranked, refused }
}

type Able = { place: Place; terms: Terms }

/** Where frontier providers are for overflow only, they wait until nothing local begins in time. */
function withoutOverflow(
  able: readonly Able[],
  afterS: number | undefined,
  refused: { place: Place; refused: Refused }[],
): readonly Able[] {
  if (afterS === undefined) return able
  const ttft = ({ place, terms }: Able): number =>
    place.kind === "host" ? terms.wait + terms.load + terms.prefill : Infinity
  const soonest = Math.min(...able.map(ttft))
  if (soonest > afterS * 1000) return able
  return able.filter((one) => {
    if (one.place.kind === "host") return true
    const why = `only for overflow: a host answers in ${(soonest / 1000).toFixed(1)} s`
    refused.push({ place: one.place, refused: { reason: "full", why } })
    return false
  })
}
