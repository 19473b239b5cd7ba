import type { ActivityStats, ActivityStatsRow } from "@boocontrol/shared/activity"
import { DASH, count, duration, energy, percent } from "../kit/format.ts"

/** What one source asked for, over all hosts and models. */
export interface SourceLine {
  /** Null: nobody could tell who sent these. */
  readonly source: string | null
  readonly requests: string
  readonly share: string
  readonly errors: string
  readonly prompt: string
  readonly output: string
  readonly mean: string
  readonly energy: string
  readonly cost: string
}

/** The busiest first; what nobody claims last. */
export function sourceLines({ rows }: Pick<ActivityStats, "rows">): SourceLine[] {
  const all = sum(rows, ({ requests }) => requests) ?? 0
  return [...Map.groupBy(rows, ({ source }) => source)]
    .map(([source, own]) => ({ source, own, requests: sum(own, (row) => row.requests) ?? 0 }))
    .sort((a, b) => Number(a.source === null) - Number(b.source === null) || b.requests - a.requests)
    .map(({ source, own, requests }) => {
      const joules = sum(own, ({ energy_wh }) => (energy_wh === null ? null : energy_wh * 3600))
      return {
        source,
        requests: count(requests),
        share: percent(all === 0 ? null : (requests / all) * 100),
        errors: count(sum(own, (row) => row.errors)),
        prompt: count(sum(own, (row) => row.prompt_tokens)),
        output: count(sum(own, (row) => row.output_tokens)),
        mean: duration(meanDuration(own)),
        energy: energy(joules),
        cost: money(sum(own, ({ cost }) => cost)),
      }
    })
}

/** Of those that are known; null where none is. */
function sum(
  rows: readonly ActivityStatsRow[],
  pick: (row: ActivityStatsRow) => number | null,
): number | null {
  const known = rows.map(pick).filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((all, value) => all + value, 0)
}

function meanDuration(rows: readonly ActivityStatsRow[]): number | null {
  const timed = rows.filter(({ duration_ms_mean: mean }) => mean !== null)
  const requests = sum(timed, (row) => row.requests) ?? 0
  return requests === 0
    ? null
    : (sum(timed, (row) => (row.duration_ms_mean ?? 0) * row.requests) ?? 0) / requests
}

/** In the unit of the price tables, which has no name here. */
function money(value: number | null): string {
  if (value === null) return DASH
  if (value > 0 && value < 0.0001) return "< 0.0001"
  return value === 0 || value >= 1 ? value.toFixed(2) : value.toFixed(4)
}

/** `98.4 %`, so that one request of a thousand is seen. */
export function attributed({ unattributed }: Pick<ActivityStats, "unattributed">): string {
  return unattributed === null ? DASH : ((1 - unattributed) * 100).toFixed(1)
}
