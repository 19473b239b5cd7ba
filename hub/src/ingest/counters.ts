/** What happened to the messages of one stream since this hub started. */
export interface IngestCounters {
  received: number
  stored: number
  redelivered: number
  deadLetters: number
  /** Dropped because their host is disabled. */
  disabled: number
  retries: number
  waitingForPostgres: boolean
  /** From emitted to stored, of the oldest message of the last batch, by the host's clock. Null: none yet. */
  lagMs: number | null
}

export function newCounters(): IngestCounters {
  return {
    ...{ received: 0, stored: 0, redelivered: 0, deadLetters: 0, disabled: 0, retries: 0 },
    waitingForPostgres: false,
    lagMs: null,
  }
}
