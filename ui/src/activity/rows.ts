import type { ActivityRow } from "@boocontrol/shared/activity"

/** Newest first: ids are made of the request's time, so they sort like it. */
function before(a: ActivityRow, b: ActivityRow): boolean {
  return a.ts === b.ts ? a.id > b.id : a.ts > b.ts
}

/**
 * Puts rows into a list that is newest first. A row seen before is replaced where it stands; an order other
 * than by time is never made, whatever order the rows come in.
 */
export function mergeRows(
  rows: readonly ActivityRow[],
  incoming: readonly ActivityRow[],
  keep: number,
): ActivityRow[] {
  const merged = [...rows]
  const known = new Map(rows.map((row, index) => [row.id, index]))
  const fresh = new Map<string, ActivityRow>()
  for (const row of incoming) {
    const index = known.get(row.id)
    if (index === undefined) fresh.set(row.id, row)
    else merged[index] = row
  }
  for (const row of fresh.values()) merged.splice(placeOf(merged, row), 0, row)
  return merged.length > keep ? merged.slice(0, keep) : merged
}

/** Splits incoming rows into those a list holds already and those it does not. */
export function splitKnown(
  rows: readonly ActivityRow[],
  incoming: readonly ActivityRow[],
): { known: ActivityRow[]; fresh: ActivityRow[] } {
  const ids = new Set(rows.map((row) => row.id))
  return {
    known: incoming.filter((row) => ids.has(row.id)),
    fresh: incoming.filter((row) => !ids.has(row.id)),
  }
}

function placeOf(rows: readonly ActivityRow[], row: ActivityRow): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    const there = rows[middle]
    if (there && before(there, row)) low = middle + 1
    else high = middle
  }
  return low
}
