export interface Range {
  readonly key: "15m" | "1h" | "6h" | "24h" | "7d"
  readonly text: string
  readonly ms: number
  /** Live samples are put at the end; longer ranges are asked for again instead. */
  readonly live: boolean
  readonly refreshMs: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

export const RANGES: readonly Range[] = [
  { key: "15m", text: "15 min", ms: 15 * MINUTE, live: true, refreshMs: 5 * MINUTE },
  { key: "1h", text: "1 h", ms: HOUR, live: true, refreshMs: 10 * MINUTE },
  { key: "6h", text: "6 h", ms: 6 * HOUR, live: false, refreshMs: MINUTE },
  { key: "24h", text: "24 h", ms: 24 * HOUR, live: false, refreshMs: 2 * MINUTE },
  { key: "7d", text: "7 days", ms: 7 * 24 * HOUR, live: false, refreshMs: 10 * MINUTE },
]

export function rangeOf(key: unknown): Range {
  const [first, second] = RANGES
  const found = RANGES.find((range) => range.key === key) ?? second ?? first
  if (!found) throw new Error("there are no ranges")
  return found
}
