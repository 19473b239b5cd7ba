export const DAY_MS = 24 * 3_600_000

/** Tables whose raw rows are partitioned by day. */
export const PARTITIONED_TABLES = ["control_requests", "control_perf_samples"] as const
export type PartitionedTable = (typeof PARTITIONED_TABLES)[number]

/** Days since 1970, UTC. */
export function dayOf(epochMs: number): number {
  return Math.floor(epochMs / DAY_MS)
}

// A week without a hub must not fill the default partition on the first morning after.
const DAYS_AHEAD = 7

/** Days that have a partition before their first row comes. */
export function daysAhead(nowMs: number): number[] {
  const today = dayOf(nowMs)
  return Array.from({ length: DAYS_AHEAD + 2 }, (_, index) => today - 1 + index)
}

/**
 * Whether rows of a day get a partition of their own. Those that are older than what is kept, or later than a clock
 * that is a little ahead can make them, go to the default partition: a host with a wrong clock must not create
 * thousands of tables.
 */
export function deservesPartition(day: number, nowMs: number, keptDays: number): boolean {
  const today = dayOf(nowMs)
  return day >= today - keptDays && day <= today + DAYS_AHEAD
}

export interface PartitionName {
  name: string
  from: string
  to: string
}

/** `control_requests_20261122`, from midnight to midnight UTC. */
export function partitionOf(table: PartitionedTable, day: number): PartitionName {
  const from = new Date(day * DAY_MS).toISOString()
  return {
    name: `${table}_${from.slice(0, 10).replaceAll("-", "")}`,
    from,
    to: new Date((day + 1) * DAY_MS).toISOString(),
  }
}
