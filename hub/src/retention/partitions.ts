import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { deservesPartition, slotOf, slotsAhead } from "./core/partitions.ts"
import type { Span } from "./core/partitions.ts"
import type { KeptTable } from "./core/tables.ts"
import { countDefaultRows, createPartition } from "./store/partitions.ts"

export type RawTable = "control_requests" | "control_perf_samples"

export interface PartitionKeeperOptions {
  sql: Sql
  clock: Clock
  log: Log
  tables: readonly KeptTable[]
}

export interface PartitionKeeper {
  start(): Promise<void>
  stop(): Promise<void>
  makeAhead(): Promise<void>
  ensure(table: RawTable, timesMs: readonly number[]): Promise<void>
  defaultRows(): Readonly<Record<string, number>>
}

const EVERY_MS = 6 * 3_600_000
// Another hub may hold the lock for a while; asking with every batch would make that worse.
const PAUSE_AFTER_FAILURE_MS = 60_000

/** Partitions that are there before their rows come. Every hub does this: none may wait for another one's care. */
export function keepPartitions({ sql, clock, log, tables }: PartitionKeeperOptions): PartitionKeeper {
  const made = new Map(tables.map(({ table }) => [table, new Set<number>()]))
  const defaultRows = Object.fromEntries(tables.map(({ table }) => [table, 0]))
  let notBeforeMs = 0
  let running: Promise<void> = Promise.resolve()
  let cancel: (() => void) | null = null

  const make = async (kept: KeptTable, slots: Iterable<Span>): Promise<void> => {
    const known = made.get(kept.table)
    for (const slot of slots) {
      if (known?.has(slot.fromMs)) continue
      await createPartition(sql, kept, slot)
      known?.add(slot.fromMs)
    }
  }

  const makeAhead = async (): Promise<void> => {
    for (const kept of tables) {
      const { table, period } = kept
      await make(kept, slotsAhead(period, clock.now()))
      const rows = await countDefaultRows(sql, table)
      defaultRows[table] = rows
      if (rows > 0) log.warn({ table, rows }, "rows without a partition of their own")
    }
  }

  return {
    makeAhead,
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
    async ensure(table, timesMs) {
      const kept = tables.find((candidate) => candidate.table === table)
      const nowMs = clock.now()
      if (!kept || nowMs < notBeforeMs) return
      const slots = new Map(
        timesMs.map((atMs) => slotOf(kept.period, atMs)).map((slot) => [slot.fromMs, slot]),
      )
      const missing = [...slots.values()]
        .filter((slot) => made.get(table)?.has(slot.fromMs) !== true)
        .filter((slot) => deservesPartition(slot, nowMs, kept.keptDays))
        .sort((a, b) => a.fromMs - b.fromMs)
      if (missing.length === 0) return
      try {
        await make(kept, missing)
      } catch (error) {
        notBeforeMs = nowMs + PAUSE_AFTER_FAILURE_MS
        log.warn({ err: error, table }, "no partition for late rows: the default one takes them")
      }
    },
    defaultRows: () => defaultRows,
  }
}
