import type { ActivityRow } from "@boocontrol/shared/activity"
import type { ModelEventRow } from "@boocontrol/shared/models"
import { epochMsOf } from "@boocontrol/shared/time"
import type { Timings } from "./read/draft.ts"

/** One stretch of a request. `measured`: somebody had a clock on it; `inferred`: it follows from other figures. */
export interface Stretch {
  readonly name: "queue" | "load" | "prefill" | "decode" | "unknown"
  readonly ms: number
  readonly basis: "measured" | "inferred"
  readonly why: string
}

export interface Waterfall {
  /** Wall time, as llama-swap measured it; null where it gave none. */
  readonly totalMs: number | null
  readonly fromMs: number
  readonly toMs: number
  readonly stretches: readonly Stretch[]
}

type Timed = Pick<
  ActivityRow,
  | "ts"
  | "duration_ms"
  | "model"
  | "provider_id"
  | "uncached_tokens"
  | "output_tokens"
  | "prompt_tps"
  | "gen_tps"
>

/** Less than this is the way of the bytes, not a wait. */
const SHORTEST_MS = 1

/** Where the time of a request went, in the order in which it was spent. */
export function waterfallOf(
  row: Timed,
  timings: Timings | null,
  events: readonly ModelEventRow[],
): Waterfall {
  const toMs = epochMsOf(row.ts)
  const totalMs = row.duration_ms
  const fromMs = toMs - (totalMs ?? 0)
  if (totalMs === null) return { totalMs, fromMs, toMs, stretches: [] }
  const load = loadWithin(row, events, { fromMs, toMs })
  const prefill = prefillOf(row, timings)
  const decode = decodeOf(row, timings)
  const known = [load, prefill, decode].filter((part) => part !== null)
  const rest = totalMs - known.reduce((sum, { ms }) => sum + ms, 0)
  const queue = restOf(rest, { isAll: prefill !== null && decode !== null, isLoaded: load !== null })
  return {
    ...{ totalMs, fromMs, toMs },
    stretches: [queue, load, prefill, decode].filter(
      (part) => part !== null && part.ms >= SHORTEST_MS,
    ) as Stretch[],
  }
}

function restOf(ms: number, given: { isAll: boolean; isLoaded: boolean }): Stretch | null {
  if (ms <= 0) return null
  if (!given.isAll)
    return { name: "unknown", ms, basis: "inferred", why: "The engine gave no times for what is left" }
  const why = given.isLoaded
    ? "What is left of the wall time: waiting for its turn, and the way of the bytes"
    : "What is left of the wall time: waiting for its turn or for a load, and the way of the bytes"
  return { name: "queue", ms, basis: "inferred", why }
}

function prefillOf(row: Timed, timings: Timings | null): Stretch | null {
  if (timings !== null && timings.promptMs !== null)
    return {
      name: "prefill",
      ms: timings.promptMs,
      basis: "measured",
      why: "prompt_ms of the model's server",
    }
  if (row.uncached_tokens === null || !row.prompt_tps) return null
  const ms = (row.uncached_tokens / row.prompt_tps) * 1000
  return {
    name: "prefill",
    ms,
    basis: "inferred",
    why: "Tokens that were not cached, by the speed of the prompt",
  }
}

function decodeOf(row: Timed, timings: Timings | null): Stretch | null {
  if (timings !== null && timings.predictedMs !== null)
    return {
      name: "decode",
      ms: timings.predictedMs,
      basis: "measured",
      why: "predicted_ms of the model's server",
    }
  if (row.output_tokens === null || !row.gen_tps) return null
  const ms = (row.output_tokens / row.gen_tps) * 1000
  return { name: "decode", ms, basis: "inferred", why: "Tokens of the answer, by the speed of generation" }
}

/** The time in which its model was being loaded while it waited, from what was seen of the model's states. */
function loadWithin(
  row: Timed,
  events: readonly ModelEventRow[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Stretch | null {
  const own = events
    .filter(({ provider_id, model }) => provider_id === row.provider_id && model === row.model)
    .map(({ ts, state }) => ({ at: epochMsOf(ts), state }))
    .sort((a, b) => a.at - b.at)
  let ms = 0
  for (const [index, { at, state }] of own.entries()) {
    if (state !== "starting") continue
    const end = own[index + 1]?.at ?? toMs
    ms += Math.max(0, Math.min(end, toMs) - Math.max(at, fromMs))
  }
  if (ms < SHORTEST_MS) return null
  return { name: "load", ms, basis: "measured", why: "The model's states, as they were seen on its host" }
}

export interface BarPiece extends Stretch {
  /** Share of the whole, 0 to 1. */
  readonly start: number
  readonly width: number
}

/** Stretches as pieces of one bar, which they fill at most. */
export function barOf({ totalMs, stretches }: Waterfall): BarPiece[] {
  const sum = stretches.reduce((all, { ms }) => all + ms, 0)
  const whole = Math.max(totalMs ?? 0, sum)
  let start = 0
  return stretches.map((stretch) => {
    const width = whole === 0 ? 0 : stretch.ms / whole
    const piece = { ...stretch, start, width }
    start += width
    return piece
  })
}
