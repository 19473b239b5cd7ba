import { epochMsOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { PARTITIONED_TABLES, dayOf, daysAhead, deservesPartition } from "./core.ts"
import type { PartitionedTable } from "./core.ts"
import { countDefaultRows, createPartition } from "./store.ts"

export interface RetentionOptions {
  sql: Sql
  clock: Clock
  log: Log
  /** For how long rows are kept, and so how late one may come and still get a partition. */
  keptDays: Readonly<Record<PartitionedTable, number>>
}

export interface Retention {
  /** Makes the partitions of the coming days, and again every few hours. Rejects when the first time fails. */
  start(): Promise<void>
  stop(): Promise<void>
  /** The port of those who insert: before rows of these times. Never rejects; the default partition takes what is left. */
  ensure(table: PartitionedTable, times: readonly Instant[]): Promise<void>
  /** Rows without a partition of their own, as last counted. */
  defaultRows(): Readonly<Record<PartitionedTable, number>>
}

const EVERY_MS = 6 * 3_600_000
// Another hub may hold the lock for a while; asking with every batch would make that worse.
const PAUSE_AFTER_FAILURE_MS = 60_000

/** Partitions of the raw tables. */
export function createRetention({ sql, clock, log: parent, keptDays }: RetentionOptions): Retention {
  const log = parent.child({ part: "retention" })
  const made = { control_requests: new Set<number>(), control_perf_samples: new Set<number>() }
  const defaultRows = { control_requests: 0, control_perf_samples: 0 }
  let notBeforeMs = 0
  let running: Promise<void> = Promise.resolve()
  let cancel: (() => void) | null = null

  const makeDays = async (table: PartitionedTable, days: Iterable<number>): Promise<void> => {
    for (const day of days) {
      if (made[table].has(day)) continue
      await createPartition(sql, table, day)
      made[table].add(day)
    }
  }

  const makeAhead = async (): Promise<void> => {
    for (const table of PARTITIONED_TABLES) {
      await makeDays(table, daysAhead(clock.now()))
      defaultRows[table] = await countDefaultRows(sql, table)
      if (defaultRows[table] > 0)
        log.warn({ table, rows: defaultRows[table] }, "rows without a partition of their day")
    }
  }

  return {
    async start() {
      if (cancel !== null) return
      cancel = clock.every(EVERY_MS, () => {
        running = makeAhead().catch((error: unknown) =>
          log.error({ err: error }, "partitions could not be made ahead"),
        )
      })
      await makeAhead()
    },
    async stop() {
      cancel?.()
      cancel = null
      await running
    },
    async ensure(table, times) {
      const nowMs = clock.now()
      const days = new Set(times.map((time) => dayOf(epochMsOf(time))))
      const missing = [...days].filter(
        (day) => !made[table].has(day) && deservesPartition(day, nowMs, keptDays[table]),
      )
      if (missing.length === 0 || nowMs < notBeforeMs) return
      try {
        await makeDays(
          table,
          missing.sort((a, b) => a - b),
        )
      } catch (error) {
        notBeforeMs = nowMs + PAUSE_AFTER_FAILURE_MS
        log.warn({ err: error, table }, "no partition for late rows: the default one takes them")
      }
    },
    defaultRows: () => defaultRows,
  }
}
