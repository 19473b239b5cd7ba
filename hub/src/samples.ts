import type { Config } from "./config.ts"
import { createRegistry } from "./hosts/index.ts"
import { createIngest } from "./ingest/index.ts"
import type { IngestCounters, OnRejected } from "./ingest/index.ts"
import type { Clock } from "./platform/clock.ts"
import type { Log } from "./platform/log.ts"
import type { NatsConnection } from "./platform/nats.ts"
import type { Sql } from "./platform/postgres.ts"
import { createPartitions } from "./retention/index.ts"
import { ROLLUPS, createTelemetryStore } from "./telemetry/index.ts"

/** What became of samples since this hub started. */
export interface SampleCounters {
  ingest: Readonly<IngestCounters>
  samples: number
  nudged: number
}

/** Samples on their way from the stream into Postgres, and their averages. */
export interface SampleStore {
  start(): Promise<void>
  /** Finishes the batch in hand and the averages that are being computed. */
  stop(): Promise<void>
  counters(): SampleCounters
}

export interface SampleStoreOptions {
  config: Pick<Config, "streams" | "retain">
  sql: Sql
  /** For statements that may take minutes. */
  patientSql: Sql
  nc: NatsConnection
  clock: Clock
  log: Log
  onRejected: OnRejected
}

/**
 * Everything that is needed to store samples, and nothing else: as if it were a hub of its own, it shares with the rest
 * only the database and the stream. So it can run wherever there is processor time.
 */
export function createSampleStore({ config, onRejected, ...base }: SampleStoreOptions): SampleStore {
  const { retain, streams } = config
  const hosts = createRegistry(base)
  const partitions = createPartitions({ ...base, tiers: ROLLUPS, retain })
  const telemetry = createTelemetryStore({ ...base, partitions })
  const ingest = createIngest({
    ...base,
    ...{ streams, onRejected, only: ["BOO_PERF"], handlers: { perf: telemetry.storeBatch } },
    hosts: {
      ensureHost: async (id) => void (await hosts.ensureHost(id)),
      isEnabled: hosts.isEnabled,
    },
  })
  return {
    async start() {
      await hosts.load()
      await hosts.start()
      ingest.start()
      telemetry.start()
    },
    async stop() {
      await Promise.all([ingest.stop(), telemetry.stop()])
      await hosts.stop()
    },
    counters: () => ({ ingest: ingest.counters().BOO_PERF, ...telemetry.counters() }),
  }
}
