import type { PerfReply } from "@boocontrol/shared/telemetry"
import { epochMsOf } from "@boocontrol/shared/time"
import { seriesOf } from "./charts.ts"
import type { Metric } from "./charts.ts"

export interface PerfTable {
  readonly columns: readonly string[]
  /** The newest first. */
  readonly lines: readonly PerfLine[]
  /** Older ones that are not listed. */
  readonly cut: number
}
export interface PerfLine {
  readonly atMs: number
  /** One per column; null: no reading. */
  readonly values: readonly (number | null)[]
  /** Nothing was measured from `atMs` until then; then there are no values. */
  readonly untilMs: number | null
}

const MOST = 120

/** What a chart of the host shows, as lines to read. */
export function perfTable(reply: PerfReply, metric: Metric): PerfTable {
  const named = seriesOf(reply, metric)
  const byTime = new Map<number, (number | null)[]>()
  named.forEach(({ points }, column) => {
    for (const { ts, mean } of points) {
      const atMs = epochMsOf(ts)
      const values = byTime.get(atMs) ?? named.map(() => null)
      values[column] = mean === null ? null : mean * metric.scale
      byTime.set(atMs, values)
    }
  })
  const lines: PerfLine[] = [
    ...[...byTime].map(([atMs, values]) => ({ atMs, values, untilMs: null })),
    ...reply.missing.map(({ from, to }) => ({ atMs: epochMsOf(from), values: [], untilMs: epochMsOf(to) })),
  ].sort((a, b) => b.atMs - a.atMs)
  return {
    columns: named.map(({ name }) => name),
    lines: lines.slice(0, MOST),
    cut: Math.max(0, lines.length - MOST),
  }
}
