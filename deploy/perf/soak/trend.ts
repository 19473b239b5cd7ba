/** One reading: seconds since the start, and MiB. */
export interface Reading {
  atS: number
  mib: number
}

export interface Trend {
  /** MiB per hour by least squares over medians of a minute. */
  perHour: number
  /** Half of the width of its interval of 95 %. */
  noise: number
  median: number
  max: number
}

/**
 * Slope and noise. Neighbouring minutes resemble each other, so that there are fewer independent ones than there are
 * minutes: without minding that, any drift would look certain.
 */
export function trendOf(readings: readonly Reading[]): Trend {
  const minutes = byMinute(readings)
  const n = minutes.length
  const meanX = mean(minutes.map(({ atS }) => atS))
  const meanY = mean(minutes.map(({ mib }) => mib))
  const spread = sum(minutes.map(({ atS }) => (atS - meanX) ** 2))
  const slope = sum(minutes.map(({ atS, mib }) => (atS - meanX) * (mib - meanY))) / spread
  const rest = minutes.map(({ atS, mib }) => mib - meanY - slope * (atS - meanX))
  const variance = sum(rest.map((value) => value ** 2))
  const neighbours = sum(rest.slice(1).map((value, index) => value * (rest[index] ?? 0)))
  const likeness = variance === 0 ? 0 : Math.min(0.95, Math.max(0, neighbours / variance))
  const independent = Math.max(3, (n * (1 - likeness)) / (1 + likeness))
  const error = Math.sqrt(variance / (independent - 2) / (spread * (independent / n)))
  const values = readings.map(({ mib }) => mib)
  return {
    perHour: slope * 3600,
    noise: 1.96 * error * 3600,
    median: medianOf(values),
    max: Math.max(...values),
  }
}

function byMinute(readings: readonly Reading[]): Reading[] {
  const minutes = Map.groupBy(readings, ({ atS }) => Math.floor(atS / 60))
  return [...minutes].map(([minute, ones]) => ({
    atS: minute * 60 + 30,
    mib: medianOf(ones.map(({ mib }) => mib)),
  }))
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const mean = (values: readonly number[]): number => sum(values) / values.length

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
