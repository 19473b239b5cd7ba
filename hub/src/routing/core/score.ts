import type { RouteRule } from "@boocontrol/shared/route-policy"
import type { RouteAsk, RouteTerms } from "@boocontrol/shared/routing"
import { unreachable } from "@boocontrol/shared/unreachable"
import { priceOf } from "./view.ts"
import type { HostModel, HostPlace, Place } from "./view.ts"

/** What only this moment knows of a place. */
export interface Moment {
  readonly nowMs: number
  /** Requests that wait in the hub for this model on this host. */
  ahead(host: string, model: string): number
  /** Share of the prompt that is warm in exactly this process, 0 to 1. */
  warmShare(host: string, model: HostModel, ask: RouteAsk): number
  /** Expected requests per ms for a model there, and the prompt tokens that are warm in it. */
  use(host: string, model: string): { perMs: number; warmTokens: number }
}

const USUAL_PROMPT = 600
const USUAL_OUTPUT = 300
/** What a frontier provider takes to begin and per token, until it is measured. */
const TARGET_TTFT_MS = 1_200
const TARGET_TPS = 60

export const NO_TERMS: RouteTerms = {
  ...{ wait_ms: null, load_ms: null, prefill_ms: null, ttft_ms: null, push_out_ms: null },
  ...{ decode_ms: null, cost: null, quality: null, warm_share: null },
}

export interface Terms {
  readonly wait: number
  readonly load: number
  readonly prefill: number
  readonly pushOut: number
  readonly decode: number
  readonly cost: number
  readonly quality: number
  readonly warm: number
}

export function termsOf(place: Place, ask: RouteAsk, around: { moment: Moment; task: string }): Terms {
  const prompt = ask.prompt_tokens ?? USUAL_PROMPT
  const output = outputTokens(ask)
  const { inputPerMtok, outputPerMtok } = priceOf(place)
  if (place.kind === "target") {
    const { model } = place
    const cost = (prompt * inputPerMtok + output * outputPerMtok) / 1e6
    return {
      ...{ wait: 0, load: 0, prefill: TARGET_TTFT_MS, pushOut: 0, warm: 0, cost },
      ...{ decode: (output / TARGET_TPS) * 1000, quality: model.quality(around.task).value },
    }
  }
  const { model, host } = place
  const warm = around.moment.warmShare(host.id, model, ask)
  return {
    ...timeToSlot(place, around.moment),
    prefill: ((prompt * (1 - warm)) / model.promptTps.value) * 1000,
    pushOut: pushOutMs(place, around.moment),
    decode: (output / model.genTps.value) * 1000,
    cost: (prompt * (1 - warm) * inputPerMtok + output * outputPerMtok) / 1e6,
    quality: model.quality(around.task).value,
    warm,
  }
}

function outputTokens({ max_tokens: most, endpoint }: RouteAsk): number {
  if (/embed|rerank|count_tokens/.test(endpoint)) return 0
  return Math.min(most ?? USUAL_OUTPUT, USUAL_OUTPUT * 2)
}

/** Until a slot is free, and until the model is there. */
function timeToSlot({ host, model }: HostPlace, moment: Moment): { wait: number; load: number } {
  const ahead = moment.ahead(host.id, model.id)
  const queued = Math.max(0, model.inflight + ahead + 1 - model.slots)
  const wait = (queued / model.slots) * model.serviceMs
  if (model.state === "ready") return { wait, load: 0 }
  if (model.state === "starting") {
    const sinceMs = model.stateSinceMs === null ? 0 : moment.nowMs - model.stateSinceMs
    // A load that takes longer than it should takes at least as long again as nobody knows: a fifth.
    return { wait, load: Math.max(model.load.value / 5, model.load.value - sinceMs) }
  }
  const leaving = host.models.filter(({ id }) => model.evicts.includes(id))
  const drain = Math.max(0, ...leaving.map((one) => (one.inflight > 0 ? one.serviceMs : 0)))
  return { wait: wait + drain, load: model.load.value }
}

/** What others lose: how likely they come back soon, times their load and the prefill of what was warm. */
function pushOutMs({ host, model }: HostPlace, moment: Moment): number {
  if (model.state === "ready" || model.state === "starting") return 0
  let lost = 0
  for (const one of host.models) {
    if (!model.evicts.includes(one.id)) continue
    const { perMs, warmTokens } = moment.use(host.id, one.id)
    const comesBack = 1 - Math.exp(-perMs * 3 * one.load.value)
    lost += comesBack * (one.load.value + (warmTokens / one.promptTps.value) * 1000)
  }
  return lost
}

/** What the order of a rule makes of things that are not time, in ms that they are worth. */
export interface Best {
  readonly cost: number
  readonly quality: number
}

/** A hundredth of quality is worth a minute where quality decides: more than any load, less than a stuck queue. */
const QUALITY_FIRST_MS = 6_000_000
const QUALITY_WEIGHED_MS = 120_000
const DOUBLE_COST_FIRST_MS = 600_000
const DOUBLE_COST_WEIGHED_MS = 4_000
const NEXT_PICK_MS = 3_600_000

export function orderMs(
  { order, weights = {} }: Pick<RouteRule, "order" | "weights">,
  { terms, pick, best }: { terms: Terms; pick: number; best: Best },
): number {
  const worse = best.quality - terms.quality
  const dearer = Math.log2(Math.max(1e-9, terms.cost) / Math.max(1e-9, best.cost))
  switch (order) {
    case "first-token":
      return 0
    case "fast":
      return terms.decode
    case "listed":
      return pick * NEXT_PICK_MS
    case "cheap":
      return dearer * DOUBLE_COST_FIRST_MS
    case "quality":
      return worse * QUALITY_FIRST_MS
    case "balanced": {
      const { time = 1, cost = 1, quality = 1 } = weights
      return (
        time * terms.decode + cost * dearer * DOUBLE_COST_WEIGHED_MS + quality * worse * QUALITY_WEIGHED_MS
      )
    }
    default:
      return unreachable(order)
  }
}

const tenths = (value: number): number => Math.round(value * 10) / 10

export function shownTerms(terms: Terms): RouteTerms {
  return {
    wait_ms: tenths(terms.wait),
    load_ms: tenths(terms.load),
    prefill_ms: tenths(terms.prefill),
    ttft_ms: tenths(terms.wait + terms.load + terms.prefill),
    push_out_ms: tenths(terms.pushOut),
    decode_ms: tenths(terms.decode),
    cost: terms.cost,
    quality: terms.quality,
    warm_share: terms.warm,
  }
}
