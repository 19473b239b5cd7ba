import type { LedgerEntry } from "../../../demo/src/index.ts"

/** A row as history has it. */
export interface StoredRow {
  provider_id: string
  swap_epoch: string
  swap_entry_id: number
  tsMs: number
  model: string
  req_path: string | null
  status_code: number | null
  duration_ms: number | null
}

/** A span in which history says that rows may be missing. */
export interface RecordedGap {
  provider_id: string
  /** Null: since ever. */
  fromMs: number | null
  toMs: number
  /** From here on only what was in flight when its store was replaced may be missing. Null: the span has no such tail. */
  tailFromMs: number | null
}

export interface EmittedRow extends LedgerEntry {
  host: string
  tsMs: number
}

export interface RowVerdict {
  emitted: EmittedRow[]
  /** Emitted rows that history has. */
  stored: EmittedRow[]
  /** Missing, and history says so. */
  recorded: EmittedRow[]
  /** Missing without a word. */
  lost: EmittedRow[]
  /** Rows that history has once too often. */
  doubled: StoredRow[]
  /** Rows that nobody emitted. */
  invented: StoredRow[]
}

/** Compares what was emitted with what is stored, as multisets: each emitted row is there once. */
export function judgeRows(
  emitted: readonly EmittedRow[],
  storedRows: readonly StoredRow[],
  gaps: readonly RecordedGap[],
): RowVerdict {
  const left = new Map<string, StoredRow[]>()
  for (const row of storedRows) {
    const key = keyOfStored(row)
    left.set(key, [...(left.get(key) ?? []), row])
  }
  const known = new Set(emitted.map(keyOfEmitted))
  const replacedAt = replacements(emitted)
  const verdict: RowVerdict = {
    emitted: [...emitted],
    stored: [],
    recorded: [],
    lost: [],
    doubled: [],
    invented: [],
  }
  for (const row of emitted) {
    const found = left.get(keyOfEmitted(row))?.pop()
    if (found) verdict.stored.push(row)
    else if (gaps.some((gap) => covers(gap, row, replacedAt(row)))) verdict.recorded.push(row)
    else verdict.lost.push(row)
  }
  for (const [key, rows] of left) (known.has(key) ? verdict.doubled : verdict.invented).push(...rows)
  return verdict
}

export function emittedBy(host: string, ledger: readonly LedgerEntry[]): EmittedRow[] {
  return ledger.map((entry) => ({ ...entry, host, tsMs: Date.parse(entry.row.timestamp) }))
}

function keyOfEmitted({ host, tsMs, row }: EmittedRow): string {
  return keyOf([host, row.id, tsMs, row.model, row.req_path, row.resp_status_code, row.duration_ms])
}

function keyOfStored(row: StoredRow): string {
  const { provider_id, swap_entry_id, tsMs, model, req_path, status_code, duration_ms } = row
  return keyOf([provider_id, swap_entry_id, tsMs, model, req_path, status_code, duration_ms])
}

function keyOf(parts: readonly unknown[]): string {
  return JSON.stringify(parts)
}

/** When the first row of a later store was there, at the latest. */
function replacements(emitted: readonly EmittedRow[]): (row: EmittedRow) => number {
  const firsts = new Map<string, Map<number, number>>()
  for (const { host, store, tsMs } of emitted) {
    const ofHost = firsts.get(host) ?? new Map<number, number>()
    firsts.set(host, ofHost.set(store, Math.min(tsMs, ofHost.get(store) ?? Infinity)))
  }
  return ({ host, store }) =>
    [...(firsts.get(host) ?? [])].reduce((at, [of, ms]) => (of > store ? Math.min(at, ms) : at), Infinity)
}

/**
 * Rows before v236 have parts of a second, and history keeps milliseconds. The tail of a gap excuses no row of the
 * store that is read: only one whose store was replaced by then, and whose request had begun.
 */
function covers(gap: RecordedGap, { host, tsMs, row }: EmittedRow, replacedMs: number): boolean {
  if (gap.provider_id !== host || (gap.fromMs !== null && tsMs < gap.fromMs) || tsMs > gap.toMs) return false
  if (gap.tailFromMs === null || tsMs <= gap.tailFromMs) return true
  return replacedMs <= gap.tailFromMs && tsMs - row.duration_ms <= gap.tailFromMs
}
