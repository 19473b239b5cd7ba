import type { RetainSettings, Tier } from "../ports.ts"
import type { Period } from "./partitions.ts"

/** A table whose rows are partitioned by time and kept for a while. Names come from here only, never from outside. */
export interface KeptTable {
  table: string
  /** Time by which it is partitioned. */
  column: string
  period: Period
  keptDays: number
  /** What must hold everything of its rows before any of them goes; null: nothing is made of them. */
  cover: Cover | null
  /** Where its cold hours go. Absent: nowhere. */
  packed?: string
}

/** Aggregates made of another table's rows, and the list of those that are not up to date. */
export interface Cover {
  table: string
  column: string
  widthMs: number
  /** Column that counts the rows behind an aggregate, and how they are counted in the covered table. */
  counted: string
  counting: string
  /** Where its cold hours are, packed. */
  packed?: string | null
  marks: {
    table: "control_dirty_buckets" | "control_dirty_request_hours"
    column: string
    /** Tier to mark where an aggregate is found missing; null: it is not made of these rows directly. */
    tier: string | null
  }
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export const REQUESTS = "control_requests"
export const SAMPLES = "control_perf_samples"
export const SAMPLES_PACKED = "control_perf_samples_packed"
export const REQUEST_STATS = "control_request_stats"
export const REQUEST_DAYS = "control_request_days"
export const REQUEST_QUARTERS = "control_request_quarters"
export const DISPATCHES = "route_dispatches"
export const FLOWS = "route_flows"

/** Every table that is kept by partitions, raw ones first. */
export function keptTables(tiers: readonly Tier[], retain: RetainSettings): KeptTable[] {
  const coveredBy = (tier: string): Cover | null => {
    let next = tiers.find((candidate) => candidate.from === tier)
    const direct = next
    // An aggregate that goes before what it was made of says nothing: the first that is kept longer has to.
    while (next && daysOf(next.tier, retain) <= daysOf(tier, retain))
      next = tiers.find((candidate) => candidate.from === next?.tier)
    if (!next) return null
    return {
      ...{
        table: next.table,
        column: "bucket",
        widthMs: next.widthMs,
        counted: "samples",
        packed: next.packed ?? null,
      },
      counting: "count(*)",
      marks: { table: "control_dirty_buckets", column: "bucket", tier: next === direct ? next.tier : null },
    }
  }
  const rollups = tiers.flatMap(({ tier, table, widthMs, packed }): KeptTable[] => {
    const cover = coveredBy(tier)
    const kept = { column: "bucket", period: periodOf(widthMs), keptDays: daysOf(tier, retain) }
    return withPacked({ table, ...kept, cover: cover && { ...cover, counting: "sum(samples)" } }, packed)
  })
  return [
    {
      ...{ table: REQUESTS, column: "ts", period: "day", keptDays: retain.activityDays },
      cover: {
        ...{ table: REQUEST_STATS, column: "hour", widthMs: HOUR_MS, counted: "requests" },
        counting: "count(*)",
        marks: { table: "control_dirty_request_hours", column: "hour", tier: null },
      },
    },
    ...withPacked(
      {
        ...{ table: SAMPLES, column: "ts", period: "day", keptDays: daysOf("raw", retain) },
        cover: coveredBy("raw"),
      },
      SAMPLES_PACKED,
    ),
    ...rollups,
    // Sums of requests are kept as long as hours of samples.
    {
      ...{ table: REQUEST_STATS, column: "hour", period: "month", keptDays: daysOf("1h", retain) },
      cover: null,
    },
    {
      ...{ table: REQUEST_QUARTERS, column: "quarter", period: "month", keptDays: daysOf("1h", retain) },
      cover: null,
    },
    {
      ...{ table: REQUEST_DAYS, column: "day", period: "year", keptDays: daysOf("1h", retain) },
      cover: null,
    },
    // Why requests went where they went: as long as the requests themselves.
    { table: DISPATCHES, column: "ts", period: "day", keptDays: retain.activityDays, cover: null },
    { table: FLOWS, column: "bucket", period: "month", keptDays: retain.activityDays, cover: null },
  ]
}

/** A table, and the one its cold hours go to: partitions of one stretch each, kept as long, covered by the same. */
function withPacked(kept: KeptTable, packed: string | null | undefined): KeptTable[] {
  if (typeof packed !== "string") return [kept]
  const { cover } = kept
  return [
    { ...kept, packed },
    {
      ...{ ...kept, table: packed, column: "hour" },
      // Compared by the hour, for that is what a packed row is.
      cover: cover && { ...cover, widthMs: Math.max(cover.widthMs, HOUR_MS), counting: "sum(samples)" },
    },
  ]
}

function daysOf(tier: string, retain: RetainSettings): number {
  return retain.perfDays[tier] ?? 0
}

// A partition is some hundred thousand to a few million rows: less makes too many tables, more drops too late.
function periodOf(widthMs: number): Period {
  if (widthMs < 60_000) return "day"
  return widthMs < HOUR_MS ? "month" : "year"
}

/** Days, for reading a covered table piece by piece. */
export function daysWithin({
  fromMs,
  toMs,
}: {
  fromMs: number
  toMs: number
}): { fromMs: number; toMs: number }[] {
  const days: { fromMs: number; toMs: number }[] = []
  for (let atMs = fromMs; atMs < toMs; atMs += DAY_MS)
    days.push({ fromMs: atMs, toMs: Math.min(atMs + DAY_MS, toMs) })
  return days
}
