/** The value at or below which a share of the measurements lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

export interface Target {
  p50: number
  p99: number
}

/** One line of a latency table, with its targets where there are any. */
export function latencyLine(name: string, values: readonly number[], target?: Target): string {
  const figure = (share: number) => `${percentile(values, share).toFixed(1)} ms`
  const met = target && percentile(values, 0.5) <= target.p50 && percentile(values, 0.99) <= target.p99
  const wanted = target ? `   target ${target.p50} / ${target.p99} ms: ${met ? "met" : "NOT MET"}` : ""
  const parts = [
    `n ${String(values.length).padStart(4)}`,
    `p50 ${figure(0.5)}`,
    `p95 ${figure(0.95)}`,
    `p99 ${figure(0.99)}`,
  ]
  return `${name.padEnd(46)} ${parts.join("  ")}  max ${Math.max(...values).toFixed(1)} ms${wanted}`
}

/** Machine and date, so that a figure can be read later. */
export async function conditions(): Promise<string> {
  const os = await import("node:os")
  const cpu = os.cpus()[0]?.model ?? "unknown processor"
  const load = os.loadavg()[0]?.toFixed(2)
  return `${new Date().toISOString().slice(0, 10)}, ${os.cpus().length} x ${cpu}, Node ${process.versions.node}, load ${load} at start`
}
