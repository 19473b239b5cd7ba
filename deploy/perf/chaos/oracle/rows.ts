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
    else if (gaps.some((gap) => covers(gap, row))) verdict.recorded.push(row)
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

/** Rows before v236 have parts of a second, and history keeps milliseconds. */
function covers({ provider_id, fromMs, toMs }: RecordedGap, { host, tsMs }: EmittedRow): boolean {
  return provider_id === host && (fromMs === null || fromMs <= tsMs) && tsMs <= toMs
}
