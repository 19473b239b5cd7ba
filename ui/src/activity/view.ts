import type { ActivityRow, ActivityStats } from "@boocontrol/shared/activity"
import { epochMsOf } from "@boocontrol/shared/time"
import { attributionOf } from "./attribution.ts"
import { DASH, clockTime, count, decimal, duration } from "../kit/format.ts"
import type { Tone } from "../kit/tone.ts"
import { isError } from "./filters.ts"

/** A figure, or the reason why there is none. */
export interface Cell {
  readonly text: string
  readonly why: string | null
}

function cell(value: number | null, text: string, why: string): Cell {
  return value === null ? { text: DASH, why } : { text, why: null }
}

const NO_TOKENS = "The engine gave no token counts for this request"
const NO_RATE = "The engine gave no timings for this request"

/** Unknown prompt size, with the reason that the row itself gives. */
function whyNoPrompt(row: ActivityRow): string {
  if (row.token_basis === "unknown" && row.input_tokens !== null)
    return `The engine says ${count(row.input_tokens)}, but not whether that is the whole prompt`
  return NO_TOKENS
}

export interface RowCells {
  readonly time: string
  readonly status: { readonly text: string; readonly tone: Tone; readonly title: string }
  readonly source: Cell
  readonly prompt: Cell
  readonly cached: string | null
  readonly output: Cell
  readonly promptRate: Cell
  readonly genRate: Cell
  readonly duration: Cell
}

export function cellsOf(row: ActivityRow): RowCells {
  return {
    time: clockTime(epochMsOf(row.ts)),
    status: statusOf(row),
    source:
      row.source === null
        ? { text: DASH, why: "The client named no source" }
        : { text: row.source, why: attributionOf(row)?.why ?? null },
    prompt: cell(row.prompt_tokens, count(row.prompt_tokens), whyNoPrompt(row)),
    cached: row.cache_tokens === null ? null : count(row.cache_tokens),
    output: cell(row.output_tokens, count(row.output_tokens), NO_TOKENS),
    promptRate: cell(row.prompt_tps, decimal(row.prompt_tps), NO_RATE),
    genRate: cell(row.gen_tps, decimal(row.gen_tps), NO_RATE),
    duration: cell(row.duration_ms, duration(row.duration_ms), "The engine gave no duration"),
  }
}

function statusOf(row: ActivityRow): RowCells["status"] {
  const code = row.status_code === null ? DASH : String(row.status_code)
  if (isError(row)) return { text: code, tone: "bad", title: row.error ?? `HTTP status ${code}` }
  if (row.status_code === null) return { text: DASH, tone: "unknown", title: "The engine gave no status" }
  return { text: code, tone: "ok", title: `HTTP status ${code}` }
}

/** The second line of a row in the side panel: `1,204 in, 386 out`, or what went wrong. */
export function factsOf(row: ActivityRow): string {
  if (isError(row)) return [row.status_code, row.error].filter((part) => part !== null).join(" · ")
  const parts = [
    row.prompt_tokens === null ? null : `${count(row.prompt_tokens)} in`,
    row.output_tokens === null || row.output_tokens === 0 ? null : `${count(row.output_tokens)} out`,
  ].filter((part) => part !== null)
  return parts.length > 0 ? parts.join(", ") : (row.req_path ?? "no token counts")
}

export interface Totals {
  readonly requests: number
  readonly errors: number
  readonly promptTokens: number | null
  readonly cacheTokens: number | null
  readonly outputTokens: number | null
  /** Mean generation speed, weighted by requests that have one. */
  readonly genTps: number | null
}

export function totalsOf(stats: ActivityStats): Totals {
  const sum = (pick: (row: ActivityStats["rows"][number]) => number | null) => {
    const known = stats.rows.map(pick).filter((value) => value !== null)
    return known.length === 0 ? null : known.reduce((all, value) => all + value, 0)
  }
  const timed = stats.rows.filter((row) => row.gen_tps_mean !== null)
  const timedRequests = timed.reduce((all, row) => all + row.requests, 0)
  return {
    requests: sum((row) => row.requests) ?? 0,
    errors: sum((row) => row.errors) ?? 0,
    promptTokens: sum((row) => row.prompt_tokens),
    cacheTokens: sum((row) => row.cache_tokens),
    outputTokens: sum((row) => row.output_tokens),
    genTps:
      timedRequests === 0
        ? null
        : timed.reduce((all, row) => all + (row.gen_tps_mean ?? 0) * row.requests, 0) / timedRequests,
  }
}

/** Values that occur, the most frequent first: what a filter can usefully offer. */
export function choicesOf(
  values: readonly (string | null)[],
  most: number,
): { value: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || a.value.localeCompare(b.value))
    .slice(0, most)
}
