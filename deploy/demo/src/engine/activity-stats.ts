import type { ActivityRow } from "./activity.ts"

export interface Histogram {
  bins: number[]
  min: number
  max: number
  binSize: number
  p50: number
  p95: number
  p99: number
}

export function activityStats(rows: readonly ActivityRow[], model: string) {
  const chosen = model === "" ? rows : rows.filter((row) => row.model === model)
  const sum = (value: (row: ActivityRow) => number) =>
    chosen.reduce((total, row) => total + Math.max(0, value(row)), 0)
  return {
    total_requests: chosen.length,
    total_input_tokens: sum((row) => row.tokens.input_tokens),
    total_output_tokens: sum((row) => row.tokens.output_tokens),
    total_cache_tokens: sum((row) => row.tokens.cache_tokens),
    prompt_histogram: histogram(chosen.map((row) => row.tokens.prompt_per_second)),
    gen_histogram: histogram(chosen.map((row) => row.tokens.tokens_per_second)),
  }
}

/** Only rates that are known count; Sturges' rule plus one decides the bins, within 5..20. */
export function histogram(rates: number[]): Histogram | null {
  const values = rates.filter((rate) => rate > 0).sort((left, right) => left - right)
  const min = values[0]
  const max = values.at(-1)
  if (min === undefined || max === undefined) return null
  const at = (share: number) => values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? max
  const quantiles = { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
  if (min === max) return { bins: [values.length], min, max, binSize: 0, ...quantiles }
  const count = Math.min(20, Math.max(5, Math.ceil(Math.log2(values.length)) + 1))
  const binSize = (max - min) / count
  const bins = Array.from({ length: count }, () => 0)
  for (const value of values) {
    const index = Math.min(count - 1, Math.floor((value - min) / binSize))
    bins[index] = (bins[index] ?? 0) + 1
  }
  return { bins, min, max, binSize, ...quantiles }
}
