export interface TokenMetrics {
  cache_tokens: number
  draft_tokens: number
  draft_acc_tokens: number
  input_tokens: number
  output_tokens: number
  prompt_per_second: number
  tokens_per_second: number
}

export interface ActivityRow {
  id: number
  timestamp: string
  model: string
  req_path: string
  resp_content_type: string
  resp_status_code: number
  tokens: TokenMetrics
  duration_ms: number
  has_capture: boolean
  error_msg?: string
  metadata?: Record<string, string>
}

/** Nothing could be parsed: all seven are zero, which means "unknown" just as -1 does. */
export const NO_TOKENS: TokenMetrics = {
  cache_tokens: 0,
  draft_tokens: 0,
  draft_acc_tokens: 0,
  input_tokens: 0,
  output_tokens: 0,
  prompt_per_second: 0,
  tokens_per_second: 0,
}

export interface ActivityStore {
  add(row: Omit<ActivityRow, "id">): ActivityRow
  /** Oldest first. */
  rows(): readonly ActivityRow[]
  clear(): void
}

/** A row as it was written, and the store it stood in, counted from 0: what a proof compares history with. */
export interface LedgerEntry {
  store: number
  row: ActivityRow
}

export interface ActivityStoreOptions {
  firstId: number
  /** Newest rows that are kept; null = a store on disk, which is never pruned. */
  keep: number | null
  onAdd?: (row: ActivityRow) => void
}

export function createActivityStore(options: ActivityStoreOptions): ActivityStore {
  let rows: ActivityRow[] = []
  let nextId = options.firstId
  return {
    add(row) {
      const stored = { id: nextId++, ...row }
      rows.push(stored)
      options.onAdd?.(stored)
      if (options.keep !== null && rows.length > options.keep) rows.splice(0, rows.length - options.keep)
      return stored
    },
    rows: () => rows,
    clear() {
      rows = []
      nextId = options.firstId
    },
  }
}
