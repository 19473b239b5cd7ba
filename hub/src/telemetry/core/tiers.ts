import type { PerfTier } from "@boocontrol/shared/telemetry"

const SECOND_MS = 1_000
const MINUTE_MS = 60_000

/**
 * Every aggregated tier, finest first: each is built from the one named by `from`, and its cold hours are packed into
 * the table named by `packed`. Of the coarsest one an hour is a single row: nothing to gain.
 *
 * A bucket is computed when it has ended; before, only `openMs` after it changed: with each change of a finer one the row
 * of an hour would be written three hundred and sixty times. Of the finest tier it is the wrong clocks of hosts that
 * make buckets which do not end.
 */
export const ROLLUPS = [
  {
    tier: "10s",
    from: "raw",
    widthMs: 10 * SECOND_MS,
    openMs: 15 * SECOND_MS,
    table: "control_perf_rollup_10s",
    packed: "control_perf_rollup_10s_packed",
  },
  {
    tier: "1m",
    from: "10s",
    widthMs: MINUTE_MS,
    openMs: 20 * SECOND_MS,
    table: "control_perf_rollup_1m",
    packed: "control_perf_rollup_1m_packed",
  },
  {
    tier: "5m",
    from: "1m",
    widthMs: 5 * MINUTE_MS,
    openMs: MINUTE_MS,
    table: "control_perf_rollup_5m",
    packed: "control_perf_rollup_5m_packed",
  },
  {
    tier: "1h",
    from: "5m",
    widthMs: 60 * MINUTE_MS,
    openMs: 5 * MINUTE_MS,
    table: "control_perf_rollup_1h",
    packed: null,
  },
] as const satisfies readonly {
  tier: PerfTier
  from: PerfTier
  widthMs: number
  openMs: number
  table: string
  packed: string | null
}[]
export type Rollup = (typeof ROLLUPS)[number]
export type RollupTier = Rollup["tier"]
export type RetainDays = Readonly<Record<PerfTier, number>>

const WIDTH_MS = {
  raw: SECOND_MS,
  ...Object.fromEntries(ROLLUPS.map((rollup) => [rollup.tier, rollup.widthMs])),
} as Record<PerfTier, number>

export function widthOf(tier: PerfTier): number {
  return WIDTH_MS[tier]
}

export function tableOf(tier: PerfTier): string {
  return ROLLUPS.find((rollup) => rollup.tier === tier)?.table ?? "control_perf_samples"
}

export function bucketOf(epochMs: number, widthMs: number): number {
  return Math.floor(epochMs / widthMs) * widthMs
}

export interface Resolution {
  tier: PerfTier
  stepMs: number
}

export interface ResolutionWanted {
  fromMs: number
  toMs: number
  nowMs: number
  /** Points per series at most. */
  points: number
  retainDays: RetainDays
}

// The longest range that a tier answers, so that an answer is some hundred rows: a row of a tier holds all aggregates
// of a host, some 4 KB as they are, and a thousand of them take longer to read than anyone wants to wait.
const LONGEST_MS: Readonly<Record<PerfTier, number>> = {
  raw: 12 * MINUTE_MS,
  "10s": 2 * 60 * MINUTE_MS,
  "1m": 12 * 60 * MINUTE_MS,
  "5m": 3 * 24 * 60 * MINUTE_MS,
  "1h": Number.POSITIVE_INFINITY,
}
const DAY_MS = 24 * 3_600_000

/** The finest tier that still holds this range and answers with few enough rows, and a step that keeps to `points`. */
export function chooseResolution({ fromMs, toMs, nowMs, points, retainDays }: ResolutionWanted): Resolution {
  const rangeMs = Math.max(toMs - fromMs, SECOND_MS)
  const tiers: PerfTier[] = ["raw", ...ROLLUPS.map((rollup) => rollup.tier)]
  const fits = (tier: PerfTier): boolean =>
    rangeMs <= LONGEST_MS[tier] && fromMs >= nowMs - retainDays[tier] * DAY_MS
  const tier = tiers.find(fits) ?? "1h"
  // One less than asked for: a range that does not begin on a step touches one step more than it is long.
  const widthMs = widthOf(tier)
  return { tier, stepMs: Math.max(1, Math.ceil(rangeMs / (points - 1) / widthMs)) * widthMs }
}
