import type { RouteRule } from "@boocontrol/shared/route-policy"
import type { RouteAsk, RouteRefusal } from "@boocontrol/shared/routing"
import { guessOf, purposeFor } from "./priors.ts"
import { unservedBy } from "./served.ts"
import type { HostPlace, Place, TargetPlace } from "./view.ts"
import { hasRoom, placeKey, providerOf } from "./view.ts"

/** `amiss`: left alone as one that is `open`, for what does not pass by itself. */
export type Health = "closed" | "probing" | "open" | "amiss"

export interface FilterAround {
  /** A policy chose it, not the client: what is not known to be able is not tried. */
  readonly isPicked: boolean
  readonly rule: Pick<RouteRule, "filters" | "task">
  /** Providers and places that failed this very request. */
  readonly tried: ReadonlySet<string>
  health(provider: string, model: string): Health
  readonly nowMs: number
}

/** A load that failed by chance, for want of memory, say, is tried again after so long. */
const FAILED_LOAD_HOLDS_MS = 10 * 60_000

export interface Refused {
  readonly reason: RouteRefusal
  readonly why: string
  /** It stays so until somebody changes something. */
  readonly lasts?: true
}

const AMISS: Refused = {
  ...{ reason: "unhealthy", lasts: true },
  why: "its certificate, key or account was no good lately: the decisions of today say which",
}

/** Why a place cannot serve a request now; null: it can. The first reason that holds. */
export function refusalOf(place: Place, ask: RouteAsk, around: FilterAround): Refused | null {
  const provider = providerOf(place)
  if (around.tried.has(provider) || around.tried.has(placeKey(provider, place.model.id)))
    return { reason: "tried", why: "failed this request before" }
  const refused = place.kind === "host" ? hostRefusal(place, ask) : targetRefusal(place, ask)
  if (refused) return refused
  const health = around.health(provider, place.model.id)
  if (health === "open") return { reason: "unhealthy", why: "failed lately and is left alone for a while" }
  if (health === "amiss") return AMISS
  return fitRefusal(place, ask, around) ?? fullRefusal(place)
}

function hostRefusal({ host, model }: HostPlace, ask: RouteAsk): Refused | null {
  if (!host.enabled) return { reason: "disabled", why: "the host is switched off" }
  if (host.liveness !== "connected") return { reason: "offline", why: `the host is ${host.liveness}` }
  if (host.baseUrl === null)
    return { reason: "offline", why: host.problem ?? "no address of its engine is known" }
  return leaseRefusal({ host, model }, ask) ?? unloadedRefusal(model, ask)
}

/** Whatever is looked at must not be loaded for it. */
function unloadedRefusal({ state }: HostPlace["model"], { served_by: by }: RouteAsk): Refused | null {
  if (by !== "loaded" || state === "ready") return null
  return { reason: "not_loaded", why: `the model is ${state ?? "not known to be loaded"}` }
}

function leaseRefusal({ host, model }: Pick<HostPlace, "host" | "model">, ask: RouteAsk): Refused | null {
  const { lease } = host
  if (!lease || lease.leaseId === ask.lease) return null
  const until = lease.expiresAt === null ? "" : ` until ${lease.expiresAt}`
  if (lease.mode === "exclusive") return { reason: "leased", why: `held by ${lease.holder}${until}` }
  const isLoaded = model.state === "ready" || model.state === "starting"
  return isLoaded ? null : { reason: "leased", why: `${lease.holder} allows no swap${until}` }
}

function targetRefusal({ target, model }: TargetPlace, ask: RouteAsk): Refused | null {
  const unserved = unservedBy(target.dialect, model.capabilities, ask)
  if (unserved) return unserved
  if (!target.enabled) return { reason: "disabled", why: "the target is switched off" }
  if (!target.hasCredential) return { reason: "disabled", why: "the target has no credential" }
  return null
}

/** Last of all: whoever could serve it but for this may be waited for. */
function fullRefusal(place: Place): Refused | null {
  if (place.kind === "host" || hasRoom(place.target)) return null
  const { inflight, maxConcurrent } = place.target
  return { reason: "full", why: `${inflight} of ${maxConcurrent} requests are at work there` }
}

/** Of a prompt nobody counted only a rough size is known: what the client named is refused only when it surely is too long. */
const SURELY = 0.6
const LEAST_OUTPUT = 64

function fitRefusal(place: Place, ask: RouteAsk, { isPicked, rule, nowMs }: FilterAround): Refused | null {
  const { model } = place
  const { filters = {}, task } = rule
  const context = model.contextLength
  if (context !== null) {
    const output = Math.min(ask.max_tokens ?? LEAST_OUTPUT, 4096)
    const prompt = ask.prompt_tokens ?? 0
    const needed = isPicked ? prompt + output : prompt * SURELY
    if (needed > context)
      return { reason: "no_context_fit", why: `needs ${Math.round(needed)} tokens, a slot has ${context}` }
    if (filters.min_context !== undefined && context < filters.min_context)
      return {
        reason: "no_context_fit",
        why: `a slot has ${context}, the policy wants ${filters.min_context}`,
      }
  }
  if (!isPicked) return null
  // Whoever names such a model may try it again; nobody is sent there who named none.
  if (place.kind === "host" && place.model.state === "error") {
    const sinceMs = place.model.stateSinceMs === null ? Infinity : nowMs - place.model.stateSinceMs
    if (sinceMs < FAILED_LOAD_HOLDS_MS) return { reason: "unhealthy", why: "its last load failed" }
  }
  const lacking = lacks(place, ask, filters.capabilities ?? [])
  if (lacking !== null) return { reason: "capability", why: lacking }
  const quality = model.quality(task)
  if (filters.quality_floor !== undefined && quality.value < filters.quality_floor) {
    const why = `${task} ${quality.value.toFixed(2)} is below ${filters.quality_floor} (${quality.basis})`
    return { reason: "quality_floor", why }
  }
  const cost = place.kind === "host" ? place.model.costPerMtok.value : place.model.outputPerMtok
  if (filters.max_cost_per_mtok !== undefined && cost > filters.max_cost_per_mtok)
    return {
      reason: "too_dear",
      why: `${cost.toFixed(2)} per million tokens, at most ${filters.max_cost_per_mtok}`,
    }
  return null
}

function lacks({ model, kind }: Place, ask: RouteAsk, wanted: readonly string[]): string | null {
  const purpose = purposeFor(ask.endpoint)
  const made = guessOf(model.id).purpose
  if (kind === "host" && made !== purpose) return `made for ${made}, asked for ${purpose}`
  const missing = wanted.find((one) => !model.capabilities.includes(one))
  if (missing !== undefined) return `does not say that it can do ${missing}`
  if (ask.images && !model.capabilities.includes("vision")) return "does not say that it can see"
  return null
}
