import type { PerfTier } from "@boocontrol/shared/telemetry"
import { ROLLUPS } from "../tiers.ts"

/** A tier whose cold hours are packed. */
export interface PackedTier {
  tier: PerfTier
  /** Rows as they come, and their time. */
  table: string
  column: "ts" | "bucket"
  packed: string
  /** What must be packed first. Null: these are samples. */
  finer: string | null
  /** What must hold all of it. */
  coarser: PerfTier
}

const RAW: PackedTier = {
  tier: "raw",
  table: "control_perf_samples",
  column: "ts",
  packed: "control_perf_samples_packed",
  finer: null,
  coarser: "10s",
}

/** Finest first. */
export const PACKED_TIERS: readonly PackedTier[] = [
  RAW,
  ...ROLLUPS.flatMap(({ tier, from, table, packed }) => {
    const coarser = ROLLUPS.find((rollup) => rollup.from === tier)
    if (!coarser || packed === null) return []
    const finer = ROLLUPS.find((rollup) => rollup.tier === from)?.table ?? RAW.table
    return [{ tier, table, packed, column: "bucket", finer, coarser: coarser.tier } as const]
  }),
]

export function packedTier(tier: PerfTier): PackedTier | undefined {
  return PACKED_TIERS.find((candidate) => candidate.tier === tier)
}

export const HOUR_MS = 3_600_000

/**
 * Hours that ended longer ago than this may be packed, or be about to be: whoever writes to them looks first. Far
 * shorter than the shortest time after which hours are packed, because the clocks of hubs differ.
 */
export const MAY_BE_PACKED_MS = 2 * HOUR_MS
