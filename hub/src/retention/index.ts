import type { Instant } from "@boocontrol/shared/time"
import type { FastifyPluginCallback } from "fastify"
import { advisoryLock } from "../platform/advisory-lock.ts"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { keptTables } from "./core/tables.ts"
import { keepPartitions } from "./partitions.ts"
import type { RawTable } from "./partitions.ts"
import type { FiguresPort, HostsPort, PackingPort, RetainSettings, Tier } from "./ports.ts"
import { retentionRoutes } from "./routes.ts"
import { countDays, takeCare } from "./run.ts"
import { careInTurns } from "./turns.ts"

export interface RetentionOptions {
  sql: Sql
  /** For statements that may take minutes; left out: `sql`. */
  patientSql?: Sql
  clock: Clock
  log: Log
  hubId: string
  tiers: readonly Tier[]
  retain: RetainSettings
  captureBudgetBytes: number
  hosts: HostsPort
  packing: PackingPort
  figures: FiguresPort
}

export interface Retention {
  /** `/storage`, `/dead-letters`, `/completeness`; to be registered below `/api/control`. */
  routes: FastifyPluginCallback
  /**
   * Makes the partitions of the coming days, and again every few hours; rejects when the first time fails. From then
   * on one hub of all drops what is past its window.
   */
  start(): Promise<void>
  stop(): Promise<void>
  /** The port of those who insert: before rows of these times. Never rejects; the default partition takes what is left. */
  ensure(table: RawTable, times: readonly Instant[]): Promise<void>
  /** Rows without a partition of their own, as last counted. */
  defaultRows(): Readonly<Record<string, number>>
  /** Whether this hub is the one that drops. */
  isInCharge(): boolean
}

/** Any number, as long as no other singleton takes it. */
const RETENTION_LOCK = 7_305_802_206

/** For who inserts in a thread of its own. That partitions are made ahead is left to `createRetention`. */
export function createPartitions({
  sql,
  clock,
  log,
  tiers,
  retain,
}: Pick<RetentionOptions, "sql" | "clock" | "log" | "tiers" | "retain">): Pick<Retention, "ensure"> {
  const partitions = keepPartitions({ sql, clock, log, tables: keptTables(tiers, retain) })
  return { ensure: (table, times) => partitions.ensure(table, daysOf(times)) }
}

/** No partition is shorter than a day, and of thousands of rows nearly all are of one. */
function daysOf(times: readonly Instant[]): number[] {
  return [...new Set(times.map((ts) => ts.slice(0, 10)))].map((day) => Date.parse(day))
}

/** Partitions, windows, and what is known about both. */
export function createRetention({ log: parent, ...options }: RetentionOptions): Retention {
  const { sql, clock, tiers, retain } = options
  const log = parent.child({ part: "retention" })
  const tables = keptTables(tiers, retain)
  const partitions = keepPartitions({ sql, clock, log, tables })
  const lock = advisoryLock({ sql, key: RETENTION_LOCK, clock, log })
  const care = { ...options, sql: options.patientSql ?? sql, log, tables }
  const turns = careInTurns({
    ...{ clock, log, lock },
    takeCare: async (signal) => {
      const { unfinished = false } = await takeCare(care, signal)
      await partitions.makeAhead()
      return { unfinished }
    },
    countDays: () => countDays(care),
  })
  return {
    routes: retentionRoutes({ ...options, tables, isInCharge: lock.isHeld }),
    async start() {
      await partitions.start()
      turns.start()
    },
    async stop() {
      await turns.stop()
      await partitions.stop()
    },
    ensure: (table, times) => partitions.ensure(table, daysOf(times)),
    defaultRows: partitions.defaultRows,
    isInCharge: lock.isHeld,
  }
}
