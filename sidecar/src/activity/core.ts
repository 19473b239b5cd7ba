import type { ObservedRequest } from "@boocontrol/shared/activity"
import type { SwapEpoch } from "@boocontrol/shared/ids"
import type { NoteData } from "@boocontrol/shared/notes"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
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
  /** How many requests were in flight when the last connection ended. Null: not known. */
  readonly leftInFlight: number | null
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
  /** Null: rows were pruned, the store is the same. */
  readonly replaced: Replaced | null
}

/**
 * The store that these rows stood in is gone, and the engine may still write to it: what was in flight ends there,
 * after the first rows of the new store, where nobody can read it.
 */
export interface Replaced {
  readonly seenAt: Instant
  /** The new store was seen without a row for so long: its first row is at least this much younger than the change. */
  readonly emptyMs: number
  readonly inFlight: number | null
}

/** `known`: the cursor, or what the hub has; null where neither exists, which claims no gap. */
export function beginFollow(known: ActivityCursor | null, fresh: SwapEpoch): Follow {
  const epoch = known?.swap_epoch ?? fresh
  return { epoch, last: known, verified: false, tailed: false, leftInFlight: null, openGap: null }
}

/** `unseenLife`: since the last connection ended the engine may have lived, and written rows, without one. */
export function onConnected(follow: Follow, connection: { unseenLife: boolean; at: Instant }): Follow {
  const { last, openGap } = follow
  const connected = { ...follow, verified: last === null }
  if (!connection.unseenLife) return connected
  if (last !== null || !openGap) return { ...connected, tailed: false }
  const replaced = { seenAt: connection.at, emptyMs: 0, inFlight: null }
  return { ...connected, openGap: { ...openGap, certain: true, replaced } }
}

export interface ConnectionEnd {
  /** Every row the engine told of was read. */
  complete: boolean
  /** How many requests were in flight. Null: not known. */
  inflight: number | null
  at: Instant
}

export function onEnded(follow: Follow, end: ConnectionEnd): Follow {
  // A connection that never met the last row was one to a store that nobody has read.
  if (!follow.verified) return { ...follow, tailed: false, leftInFlight: null }
  if (follow.last === null) return endedEmpty(follow, end)
  const tailed = end.complete && end.inflight === 0
  return { ...follow, tailed, leftInFlight: end.inflight, verified: false }
}

/** A store that no row proves: whatever is there at the next connection, this one may have been replaced meanwhile. */
function endedEmpty(follow: Follow, { complete, inflight, at }: ConnectionEnd): Follow {
  if (complete && inflight === 0) return follow
  const { openGap } = follow
  // Without an older row only what was seen in flight is known to have been there.
  if (!openGap && !inflight) return follow
  const replaced = { seenAt: at, emptyMs: 0, inFlight: inflight }
  return { ...follow, openGap: { from: openGap?.from ?? at, certain: true, replaced } }
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
  return append(
    pruned ? { ...follow, openGap: { from: last.ts, certain: true, replaced: null } } : follow,
    newer,
    at.now,
  )
}

export function cursorOf(row: ObservedRequest): ActivityCursor {
  const { swap_epoch, swap_entry_id, ts, model, duration_ms } = row
  return { swap_epoch, swap_entry_id, ts, model, duration_ms }
}

function append(follow: Follow, page: RowPage, now: Instant): Decision {
  const first = page.rows[0]
  const { openGap } = follow
  const isGap = first && openGap && (openGap.certain || first.swap_entry_id > page.firstId)
  const rows = page.rows.map((row) => ({
    ...row,
    ...UNKNOWN_CALLER,
    attribution: null,
    swap_epoch: follow.epoch,
  }))
  return {
    follow: { ...follow, verified: true, openGap: first ? null : stillEmpty(openGap, now) },
    notes: isGap ? [gapNote(openGap, { first: first.ts, lateMs: page.lateMs ?? 0, now })] : [],
    rows,
    again: page.more,
  }
}

/** Up to the first row that is known again, and on to the last moment at which a row of the old store can have ended. */
function gapNote(gap: OpenGap, at: { first: Instant; lateMs: number; now: Instant }): NoteData {
  const { certain, replaced } = gap
  // Where the engine's clock was set back in between, the row before the gap is of a later time than the one after it.
  const [from, first] = gap.from <= at.first ? [gap.from, at.first] : [at.first, gap.from]
  const lateMs = certain && replaced ? at.lateMs - replaced.emptyMs : 0
  if (lateMs <= 0) return { note: "gap_suspected", ts: at.now, detail: { from, to: first } }
  const to = instantOf(epochMsOf(first) + lateMs)
  const detail = { from, to, first_row: at.first, in_flight: replaced?.inFlight ?? null }
  return { note: "gap_suspected", ts: at.now, detail }
}

function stillEmpty(gap: OpenGap | null, now: Instant): OpenGap | null {
  if (!gap?.replaced) return gap
  const emptyMs = Math.max(0, epochMsOf(now) - epochMsOf(gap.replaced.seenAt))
  return { ...gap, replaced: { ...gap.replaced, emptyMs } }
}

function restart(follow: Follow, last: ActivityCursor, at: { now: Instant; fresh: SwapEpoch }): Decision {
  const replaced = { seenAt: at.now, emptyMs: 0, inFlight: follow.leftInFlight }
  const openGap = { from: last.ts, certain: !follow.tailed, replaced }
  return {
    follow: { ...beginFollow(null, at.fresh), verified: true, openGap },
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
