import type { Envelope } from "@boocontrol/shared/envelope"
import type { HostId } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import type { FastifyPluginCallback } from "fastify"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { samplesOf } from "./core/fold.ts"
import { createFresh } from "./core/fresh.ts"
import type { RetainDays } from "./core/tiers.ts"
import type { PartitionsPort } from "./ports.ts"
import { telemetryRoutes } from "./routes.ts"
import { startRollups } from "./run.ts"
import { powerSlots } from "./store/power.ts"
import type { PowerSlot } from "./store/power.ts"
import { packSpan } from "./pack.ts"
import type { PackWanted } from "./pack.ts"
import { newestSampleTs, storeSamples } from "./store/samples.ts"

export { ROLLUPS } from "./core/tiers.ts"

export interface TelemetryOptions {
  sql: Sql
  /** For statements that may take minutes; left out: `sql`. */
  patientSql?: Sql
  clock: Clock
  log: Log
  /** `config.retain.perfDays`: a tier is not asked for what it no longer holds. */
  retainDays: RetainDays
}

/** What is stored of hosts, given out; and packed once it is cold. */
export interface Telemetry {
  /** `/perf`; to be registered below `/api/control`. */
  routes: FastifyPluginCallback
  /** Up to where the samples of a host are stored; null: none are. */
  newestSampleTs(host: HostId): Promise<Instant | null>
  /** Power of all GPUs of a host over a range. */
  power(
    host: HostId,
    range: { fromMs: number; toMs: number },
  ): Promise<{ stepMs: number; slots: PowerSlot[] }>
  /** Packs cold hours of a table of samples or of a tier. For one hub of all. */
  pack(wanted: PackWanted, signal: Pick<AbortSignal, "aborted">): Promise<{ packed: number; waiting: number }>
}

export function createTelemetry({
  sql,
  patientSql = sql,
  clock,
  log: parent,
  retainDays,
}: TelemetryOptions): Telemetry {
  const log = parent.child({ part: "telemetry" })
  return {
    routes: telemetryRoutes({ sql, clock, retainDays }),
    newestSampleTs: (host) => newestSampleTs(sql, host),
    power: (host, range) => powerSlots(sql, host, range),
    pack: (wanted, signal) => packSpan({ sql: patientSql, log }, wanted, signal),
  }
}

export interface TelemetryStoreOptions extends Omit<TelemetryOptions, "retainDays"> {
  partitions: PartitionsPort
}

/** GPU and system samples: stores them once each and aggregates them. */
export interface TelemetryStore {
  /** The handler of `perf` messages. */
  storeBatch(envelopes: readonly Envelope<"perf">[]): Promise<void>
  counters(): Readonly<{ samples: number; nudged: number }>
  /** Computes the coarser tiers in the background. */
  start(): void
  stop(): Promise<void>
}

// Two or three of each of a thousand hosts are open at a time, of minutes one or two; one of four GPUs takes some 5 KB.
const FRESH = { samples: 5_000, sums: 2_500 }

export function createTelemetryStore({
  sql,
  patientSql = sql,
  clock,
  log: parent,
  partitions,
}: TelemetryStoreOptions): TelemetryStore {
  const log = parent.child({ part: "telemetry" })
  const counters = { samples: 0, nudged: 0 }
  const fresh = createFresh(FRESH)
  let stopRollups: (() => Promise<void>) | null = null
  return {
    async storeBatch(envelopes) {
      const samples = samplesOf(envelopes)
      await partitions.ensure(
        "control_perf_samples",
        samples.map((sample) => sample.ts),
      )
      const stored = await storeSamples(sql, samples, clock.now())
      fresh.samples.add(stored.added)
      counters.samples += stored.added.length
      counters.nudged += stored.nudged
    },
    counters: () => counters,
    start() {
      stopRollups ??= startRollups({ sql: patientSql, clock, log, fresh })
    },
    async stop() {
      const stopping = stopRollups
      stopRollups = null
      await stopping?.()
    },
  }
}
