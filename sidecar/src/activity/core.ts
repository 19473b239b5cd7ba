import type { ObservedRequest } from "@boocontrol/shared/activity"
import type { SwapEpoch } from "@boocontrol/shared/ids"
import type { NoteData } from "@boocontrol/shared/notes"
import type { Instant } from "@boocontrol/shared/time"
import type { ActivityCursor } from "../ports.ts"
import { UNKNOWN_CALLER } from "./ports.ts"
import type { RowPage, StoredRow } from "./ports.ts"

/**
 * Follows one activity store. An epoch names a store, not a process: ids start again when the engine forgets its
 * rows, so a row is only told apart from an older one with the same id by its epoch.
 *
 * | what a read from the last known id shows            | decided                                              |
 * | --------------------------------------------------- | ---------------------------------------------------- |
 * | nothing was known before                            | all rows are new; a gap that is open closes here      |
 * | the last row, with the same time, model, duration   | same store: the rows after it are new                 |
 * | another row at that id                              | new epoch, read again from the start                  |
 * | no such row, newer ones, same connection            | same store, pruned past us: a gap between the two      |
 * | no such row, newer ones, first read of a connection | new epoch: it cannot be told whether it is that store |
 * | nothing at all                                      | new epoch: a store never forgets its newest row       |
 */
export interface Follow {
  readonly epoch: SwapEpoch
  /** The newest row that is safe. Null: none in this epoch yet. */
  readonly last: ActivityCursor | null
  /** The last row was met again since the connection was made. */
  readonly verified: boolean
  /** The store was read to its end when the last connection ended, and nothing was in flight then. */
  readonly tailed: boolean
  /** Rows after this moment may be lost; told with the first row that follows. */
  readonly openGap: OpenGap | null
}

export interface Decision {
  readonly follow: Follow
  readonly notes: readonly NoteData[]
  readonly rows: readonly ObservedRequest[]
  /** Read again at once: from the start after a restart, or the next page. */
  readonly again: boolean
}

/** `certain` false: only if the new store's first rows are gone already is anything missing. */
export interface OpenGap {
  readonly from: Instant
  readonly certain: boolean
}

/** `known`: the cursor, or what the hub has; null where neither exists, which claims no gap. */
export function beginFollow(known: ActivityCursor | null, fresh: SwapEpoch): Follow {
  return { epoch: known?.swap_epoch ?? fresh, last: known, verified: false, tailed: false, openGap: null }
}

export function onConnected(follow: Follow): Follow {
  return { ...follow, verified: follow.last === null }
}

/** `complete`: every row the engine told of was read. `inflight`: how many were in flight, null if unknown. */
export function onEnded(follow: Follow, end: { complete: boolean; inflight: number | null }): Follow {
  // A connection that never met the last row says nothing about the end of that store.
  if (!follow.verified || follow.last === null) return follow
  return { ...follow, tailed: end.complete && end.inflight === 0, verified: false }
}

export function readFrom(follow: Follow): number {
  return follow.last?.swap_entry_id ?? 0
}

export function reconcile(follow: Follow, page: RowPage, at: { now: Instant; fresh: SwapEpoch }): Decision {
  const { last } = follow
  if (last === null) return append(follow, page, at.now)
  const head = page.rows.find((row) => row.swap_entry_id === last.swap_entry_id)
  const newer = { ...page, rows: page.rows.filter((row) => row.swap_entry_id > last.swap_entry_id) }
  if (head) {
    if (isSameRow(head, last)) return append({ ...follow, verified: true }, newer, at.now)
    return restart(follow, last, at)
  }
  const first = newer.rows[0]
  if (!first || !follow.verified) return restart(follow, last, at)
  const pruned = first.swap_entry_id > last.swap_entry_id + 1
  return append(pruned ? { ...follow, openGap: { from: last.ts, certain: true } } : follow, newer, at.now)
}

export function cursorOf(row: ObservedRequest): ActivityCursor {
  const { swap_epoch, swap_entry_id, ts, model, duration_ms } = row
  return { swap_epoch, swap_entry_id, ts, model, duration_ms }
}

function append(follow: Follow, page: RowPage, now: Instant): Decision {
  const first = page.rows[0]
  const notes: NoteData[] = []
  if (first && follow.openGap && (follow.openGap.certain || first.swap_entry_id > page.firstId))
    notes.push({ note: "gap_suspected", ts: now, detail: { from: follow.openGap.from, to: first.ts } })
  const rows = page.rows.map((row) => ({ ...row, ...UNKNOWN_CALLER, swap_epoch: follow.epoch }))
  const openGap = first ? null : follow.openGap
  return { follow: { ...follow, verified: true, openGap }, notes, rows, again: page.more }
}

function restart(follow: Follow, last: ActivityCursor, at: { now: Instant; fresh: SwapEpoch }): Decision {
  const openGap = { from: last.ts, certain: !follow.tailed }
  return {
    follow: { epoch: at.fresh, last: null, verified: true, tailed: false, openGap },
    notes: [
      {
        note: "swap_restarted",
        ts: at.now,
        detail: { last_entry_id: last.swap_entry_id, last_ts: last.ts, tailed: follow.tailed },
      },
    ],
    rows: [],
    again: true,
  }
}

function isSameRow(row: StoredRow, cursor: ActivityCursor): boolean {
  return row.ts === cursor.ts && row.model === cursor.model && row.duration_ms === cursor.duration_ms
}
