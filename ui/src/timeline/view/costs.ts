import type { ModelEnergy, ModelSwaps, SwapsReply } from "@boocontrol/shared/swaps"
import { epochMsOf } from "@boocontrol/shared/time"
import { DASH, count, decimal, duration, energy, plural } from "../../kit/format.ts"

/** One sentence for the panel's head: what all of it came to. */
export function lostWords(reply: SwapsReply): string {
  const loads = reply.models.reduce((sum, model) => sum + model.loads, 0)
  if (loads === 0 && reply.lost_ms === 0) return "nothing was loaded or unloaded"
  const share = (reply.lost_ms / (epochMsOf(reply.to) - epochMsOf(reply.from))) * 100
  const used = reply.lost_joules === null ? "energy not known" : energy(reply.lost_joules)
  return `${plural(loads, "load")}, ${duration(reply.lost_ms)} (${share.toFixed(1)} % of the time), ${used}`
}

export interface CostLine {
  readonly model: string
  readonly loads: string
  readonly failed: string | null
  readonly each: string
  readonly lost: string
  readonly energy: string
}

export function costLines(models: readonly ModelSwaps[]): CostLine[] {
  return models.map((one) => ({
    model: one.model,
    loads: count(one.loads),
    failed: one.failed === 0 ? null : `${one.failed} failed`,
    each: duration(one.load_ms_mean),
    lost: duration(one.load_ms + one.unload_ms),
    energy: energy(one.load_joules),
  }))
}

export interface EnergyLine {
  readonly model: string
  readonly requests: string
  readonly tokens: string
  readonly busy: string
  readonly energy: string
  readonly per1k: string
  /** Said where part of the time has no power reading. */
  readonly doubt: string | null
}

// Below this share of measured time a figure is no estimate any more but a guess worth naming.
const WELL_MEASURED = 0.95

export function energyLines(models: readonly ModelEnergy[]): EnergyLine[] {
  return models.map((one) => ({
    model: one.model,
    requests: count(one.requests),
    tokens: count(one.prompt_tokens + one.output_tokens),
    busy: duration(one.busy_ms),
    energy: energy(one.joules),
    per1k: one.joules_per_1k_tokens === null ? DASH : `${decimal(one.joules_per_1k_tokens)} J`,
    doubt:
      one.joules === null || one.measured >= WELL_MEASURED
        ? null
        : `power known for ${Math.round(one.measured * 100)} % of its time`,
  }))
}
