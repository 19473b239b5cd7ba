export const DAY_MS = 24 * 3_600_000

/** How long the stretch is that one partition holds, UTC. */
export type Period = "day" | "month" | "year"

export interface Span {
  fromMs: number
  toMs: number
}

/** The stretch of a period that a moment lies in. */
export function slotOf(period: Period, epochMs: number): Span {
  const at = new Date(epochMs)
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()]
  switch (period) {
    case "day":
      return { fromMs: Date.UTC(year, month, day), toMs: Date.UTC(year, month, day + 1) }
    case "month":
      return { fromMs: Date.UTC(year, month, 1), toMs: Date.UTC(year, month + 1, 1) }
    case "year":
      return { fromMs: Date.UTC(year, 0, 1), toMs: Date.UTC(year + 1, 0, 1) }
  }
}

// A week without a hub must not fill the default partition on the first morning after.
const AHEAD_MS = 7 * DAY_MS

/** Stretches that have a partition before their first row comes: from yesterday to a week ahead. */
export function slotsAhead(period: Period, nowMs: number): Span[] {
  const slots: Span[] = []
  for (let atMs = nowMs - DAY_MS; atMs <= slotOf("day", nowMs + AHEAD_MS).fromMs;) {
    const slot = slotOf(period, atMs)
    slots.push(slot)
    atMs = slot.toMs
  }
  return slots
}

/**
 * Whether rows of a stretch get a partition of their own. Those that are older than what is kept, or later than a
 * clock that is a little ahead can make them, go to the default partition: a host with a wrong clock must not create
 * thousands of tables.
 */
export function deservesPartition(slot: Span, nowMs: number, keptDays: number): boolean {
  return !isExpired(slot, nowMs, keptDays) && slot.fromMs <= nowMs + AHEAD_MS
}

/** Nothing of it lies within the window any more. */
export function isExpired(slot: Span, nowMs: number, keptDays: number): boolean {
  return slot.toMs <= nowMs - keptDays * DAY_MS
}

/** `control_requests_20261122`, `control_perf_rollup_1m_202611`, `control_perf_rollup_1h_2026`. */
export function partitionName(table: string, period: Period, slot: Span): string {
  const digits = new Date(slot.fromMs).toISOString().slice(0, 10).replaceAll("-", "")
  return `${table}_${digits.slice(0, { day: 8, month: 6, year: 4 }[period])}`
}

/** `FOR VALUES FROM ('2026-11-22 00:00:00+00') TO ('...')` as Postgres writes it; null for any other bound. */
export function spanOfBound(bound: string): Span | null {
  const [, from, to] = /^FOR VALUES FROM \('([^']+)'\) TO \('([^']+)'\)$/.exec(bound) ?? []
  if (from === undefined || to === undefined) return null
  const [fromMs, toMs] = [from, to].map((text) => Date.parse(text.replace(" ", "T").replace(/\+00$/, "Z")))
  return fromMs && toMs ? { fromMs, toMs } : null
}
