import type { ModelEnergy, ModelSwaps, ThrashMark } from "@boocontrol/shared/swaps"
import { instantOf } from "@boocontrol/shared/time"
import type { Change, PowerSlot, RanRequest, TimeRange } from "./ports.ts"

/** A load or an unload whose beginning and end are known. */
export interface Swap extends TimeRange {
  readonly model: string
  readonly kind: "load" | "unload"
  readonly failed: boolean
}

/** Two models count as thrashing when they pushed each other out this often within this time. */
export const THRASH_WINDOW_MS = 600_000
export const THRASH_SWAPS = 4

/** Loads (`starting` to whatever follows) and unloads (`stopping` to whatever follows) that ended within the range. */
export function swapsOf(changes: readonly Change[], range: TimeRange): Swap[] {
  const byModel = Map.groupBy(changes, ({ model }) => model)
  return [...byModel]
    .flatMap(([model, own]) => {
      const ordered = own.toSorted((a, b) => a.atMs - b.atMs)
      return ordered.flatMap((change, index): Swap[] => {
        const next = ordered[index + 1]
        if (!next || next.atMs < range.fromMs || next.atMs >= range.toMs) return []
        const span = { model, fromMs: change.atMs, toMs: next.atMs }
        if (change.state === "starting") return [{ ...span, kind: "load", failed: next.state !== "ready" }]
        if (change.state === "stopping") return [{ ...span, kind: "unload", failed: false }]
        return []
      })
    })
    .sort((a, b) => a.fromMs - b.fromMs)
}

/** Spans without overlap, oldest first. */
export function unionOf(spans: readonly TimeRange[]): TimeRange[] {
  const union: { fromMs: number; toMs: number }[] = []
  for (const { fromMs, toMs } of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = union.at(-1)
    if (last && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs)
    else union.push({ fromMs, toMs })
  }
  return union
}

export interface Energy {
  /** Null: no power is known for any of it. */
  joules: number | null
  coveredMs: number
}

/** Energy over spans without overlap. `slots` are in order and do not overlap. */
export function energyOver(spans: readonly TimeRange[], slots: readonly PowerSlot[]): Energy {
  let joules = 0
  let coveredMs = 0
  for (const span of spans) {
    for (let at = firstReaching(slots, span.fromMs); at < slots.length; at += 1) {
      const slot = slots[at]
      if (!slot || slot.startMs >= span.toMs) break
      const ms = Math.min(slot.endMs, span.toMs) - Math.max(slot.startMs, span.fromMs)
      joules += (slot.watts * ms) / 1_000
      coveredMs += ms
    }
  }
  return { joules: coveredMs > 0 ? joules : null, coveredMs }
}

/** Index of the first slot that ends after a time. */
function firstReaching(slots: readonly PowerSlot[], ms: number): number {
  let low = 0
  let high = slots.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((slots[middle]?.endMs ?? Number.POSITIVE_INFINITY) > ms) high = middle
    else low = middle + 1
  }
  return low
}

/** What the swaps of each model cost, the dearest first. */
export function costsOf(swaps: readonly Swap[], slots: readonly PowerSlot[]): ModelSwaps[] {
  return [...Map.groupBy(swaps, ({ model }) => model)]
    .map(([model, own]): ModelSwaps => {
      const loads = own.filter(({ kind }) => kind === "load")
      const good = loads.filter(({ failed }) => !failed)
      return {
        model,
        loads: loads.length,
        failed: loads.length - good.length,
        load_ms: lengthOf(loads),
        load_ms_mean: good.length === 0 ? null : lengthOf(good) / good.length,
        unload_ms: lengthOf(own.filter(({ kind }) => kind === "unload")),
        load_joules: energyOver(unionOf(loads), slots).joules,
      }
    })
    .sort((a, b) => b.load_ms + b.unload_ms - (a.load_ms + a.unload_ms) || (a.model < b.model ? -1 : 1))
}

export function lengthOf(spans: readonly TimeRange[]): number {
  return spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
}

/**
 * Pairs of models that replaced each other at least `THRASH_SWAPS` times within `THRASH_WINDOW_MS`: a swap is a load
 * that follows the load of another model. Windows of one pair that touch are one mark.
 */
export function thrashOf(swaps: readonly Swap[]): ThrashMark[] {
  const loads = swaps.filter(({ kind }) => kind === "load")
  const times = new Map<string, { pair: [string, string]; atMs: number[] }>()
  for (const [index, load] of loads.entries()) {
    const before = loads[index - 1]
    if (!before || before.model === load.model) continue
    const pair: [string, string] =
      before.model < load.model ? [before.model, load.model] : [load.model, before.model]
    const key = JSON.stringify(pair)
    const known = times.get(key)
    if (known) known.atMs.push(load.fromMs)
    else times.set(key, { pair, atMs: [load.fromMs] })
  }
  return [...times.values()]
    .flatMap(({ pair, atMs }) => marksOf(atMs).map((mark) => ({ models: pair, ...mark })))
    .sort((a, b) => b.swaps - a.swaps || (a.from < b.from ? -1 : 1))
}

/** Runs of times in which each `THRASH_SWAPS` neighbours lie within the window. */
function marksOf(atMs: readonly number[]): Omit<ThrashMark, "models">[] {
  const marks: { first: number; last: number }[] = []
  for (let last = THRASH_SWAPS - 1; last < atMs.length; last += 1) {
    const first = last - THRASH_SWAPS + 1
    if ((atMs[last] ?? 0) - (atMs[first] ?? 0) > THRASH_WINDOW_MS) continue
    const open = marks.at(-1)
    if (open && first <= open.last) open.last = last
    else marks.push({ first, last })
  }
  return marks.map(({ first, last }) => ({
    swaps: last - first + 1,
    from: instantOf(atMs[first] ?? 0),
    to: instantOf(atMs[last] ?? 0),
  }))
}

interface Edge {
  readonly atMs: number
  readonly model: string
  readonly step: 1 | -1
}

/** Energy per model: see `ModelEnergy`. Requests count for what of them lies within the range. */
export function modelEnergy(
  requests: readonly RanRequest[],
  slots: readonly PowerSlot[],
  range: TimeRange,
): ModelEnergy[] {
  const shares = sharesOf(requests, slots, range)
  return [...Map.groupBy(requests, ({ model }) => model)]
    .map(([model, own]): ModelEnergy => {
      const share = shares.get(model) ?? { joules: 0, busyMs: 0, coveredMs: 0 }
      const prompt = own.reduce((sum, { promptTokens }) => sum + (promptTokens ?? 0), 0)
      const output = own.reduce((sum, { outputTokens }) => sum + (outputTokens ?? 0), 0)
      const joules = share.coveredMs > 0 ? share.joules : null
      const tokens = prompt + output
      return {
        model,
        requests: own.length,
        prompt_tokens: prompt,
        output_tokens: output,
        busy_ms: share.busyMs,
        joules,
        joules_per_1k_tokens: joules === null || tokens === 0 ? null : (joules / tokens) * 1_000,
        measured: share.busyMs === 0 ? 0 : share.coveredMs / share.busyMs,
      }
    })
    .sort((a, b) => (b.joules ?? -1) - (a.joules ?? -1) || (a.model < b.model ? -1 : 1))
}

interface Share {
  joules: number
  busyMs: number
  coveredMs: number
}

/** Sweeps over beginnings and ends: between two of them the same models run, and share what is drawn. */
function sharesOf(
  requests: readonly RanRequest[],
  slots: readonly PowerSlot[],
  { fromMs, toMs }: TimeRange,
): Map<string, Share> {
  const edges = requests
    .flatMap(({ model, endMs, durationMs }): Edge[] => {
      const start = Math.max(fromMs, endMs - durationMs)
      const end = Math.min(toMs, endMs)
      return start < end
        ? [
            { atMs: start, model, step: 1 },
            { atMs: end, model, step: -1 },
          ]
        : []
    })
    .sort((a, b) => a.atMs - b.atMs)
  const running = new Map<string, number>()
  const shares = new Map<string, Share>()
  for (const [index, edge] of edges.entries()) {
    const count = (running.get(edge.model) ?? 0) + edge.step
    if (count === 0) running.delete(edge.model)
    else running.set(edge.model, count)
    const next = edges[index + 1]
    if (!next || next.atMs === edge.atMs || running.size === 0) continue
    const { joules, coveredMs } = energyOver([{ fromMs: edge.atMs, toMs: next.atMs }], slots)
    for (const model of running.keys()) {
      const share = shares.get(model) ?? { joules: 0, busyMs: 0, coveredMs: 0 }
      share.joules += (joules ?? 0) / running.size
      share.busyMs += next.atMs - edge.atMs
      share.coveredMs += coveredMs
      shares.set(model, share)
    }
  }
  return shares
}
