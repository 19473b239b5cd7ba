import type { StreamName } from "@boocontrol/shared/subjects"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { NatsConnection } from "../platform/nats.ts"
import type { Sql } from "../platform/postgres.ts"
import { CONSUMER_LIMITS, STREAM_NAMES } from "../platform/streams.ts"
import type { ConsumerLimits, StreamSettings } from "../platform/streams.ts"
import { newCounters } from "./counters.ts"
import type { IngestCounters } from "./counters.ts"
import type { Handlers, HostsPort, OnRejected } from "./ports.ts"
import { createParking } from "./parking.ts"
import { keepRoom } from "./room.ts"
import { createRetry } from "./retry.ts"
import type { RetryOptions } from "./retry.ts"
import { ingestRoutes } from "./routes.ts"
import { runStream } from "./run.ts"

export { newCounters } from "./counters.ts"
export type { IngestCounters } from "./counters.ts"
export type {
  Delivery,
  DurableKind,
  Handler,
  Handlers,
  HostsPort,
  OnRejected,
  Rejected,
  RejectReason,
} from "./ports.ts"
export { UNREADABLE } from "./ports.ts"
export { createResume } from "./resume.ts"

export interface IngestOptions {
  sql: Sql
  nc: NatsConnection
  clock: Clock
  log: Log
  /** `config.streams`. */
  streams: StreamSettings
  /** Which to read; left out: all. */
  only?: readonly StreamName[]
  handlers: Handlers
  hosts: HostsPort
  onRejected: OnRejected
  /** Only tests have a reason to give it. */
  limits?: ConsumerLimits
  /** As above. */
  handBackAfterMs?: number
}

/** Shorter makes hubs pass messages to each other while Postgres starts again; longer keeps them from a hub that could. */
const HAND_BACK_AFTER_MS = 20_000

export interface Ingest {
  /** Creates the streams and reads them. Resolves at once: what fails is tried again until `stop`. */
  start(): void
  /** Finishes the batch in hand, gives the rest back to NATS. Needs the connection and Postgres still open. */
  stop(): Promise<void>
  /** Of a stream that is not read here: zeros. */
  counters(): Readonly<Record<StreamName, Readonly<IngestCounters>>>
}

/** Brings what stands in the streams into Postgres, through one handler per kind. */
export function createIngest({
  limits = CONSUMER_LIMITS,
  handBackAfterMs = HAND_BACK_AFTER_MS,
  only = STREAM_NAMES,
  ...options
}: IngestOptions): Ingest {
  const log = options.log.child({ part: "ingest" })
  const counters = { BOO_EVENTS: newCounters(), BOO_PERF: newCounters() }
  const parking = createParking()
  let running: { stop(): Promise<void> }[] = []
  let keeping: (() => void)[] = []
  return {
    start() {
      if (running.length > 0) return
      running = only.map((stream) =>
        runStream({
          ...options,
          ...{ log, limits, handBackAfterMs, stream, parking },
          counters: counters[stream],
        }),
      )
      keeping = only.map((stream) => keepRoom({ ...options, log, stream }))
    },
    async stop() {
      for (const end of keeping.splice(0)) end()
      const ending = running
      running = []
      await Promise.all(ending.map((stream) => stream.stop()))
    },
    counters: () => counters,
  }
}

/** `POST /dead-letters/retry`; to be registered below `/api/control`. Its handlers are those of both streams. */
export function createDeadLetterRetry(options: RetryOptions): { routes: ReturnType<typeof ingestRoutes> } {
  return { routes: ingestRoutes(createRetry(options)) }
}
