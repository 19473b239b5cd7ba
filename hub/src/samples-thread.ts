// The thread that stores samples: the entry of a worker that `samples-apart.ts` starts.
import { once } from "node:events"
import { parentPort, workerData } from "node:worker_threads"
import { systemClock } from "./platform/clock.ts"
import { createLog } from "./platform/log.ts"
import { connectNats } from "./platform/nats.ts"
import { connectPostgres, outliveBrokenConnections, withPatience } from "./platform/postgres.ts"
import { createSampleStore } from "./samples.ts"
import type { FromThread, ThreadData } from "./samples-apart.ts"

// Two batches at once, and dead letters and new hosts beside them. What listens has a connection of its own.
const CONNECTIONS = 4
const PATIENCE = { answerWithinMs: 10 * 60_000, max: 2 }
const TELL_EVERY_MS = 500

async function run({ config }: ThreadData, port: NonNullable<typeof parentPort>): Promise<void> {
  const clock = systemClock
  const log = createLog(config.log)
  outliveBrokenConnections(log)
  const asked = once(port, "message")
  const tell = (message: FromThread): void => port.postMessage(message)

  const sql = connectPostgres(config.databaseUrl, { log, max: CONNECTIONS })
  const patientSql = withPatience(sql, PATIENCE)
  const nc = await connectNats({ ...config.nats, name: "boocontrol-hub samples", log, clock })
  const store = createSampleStore({
    ...{ config, sql, patientSql, nc, clock, log },
    onRejected: (rejected) => tell({ kind: "rejected", rejected }),
  })
  await store.start()
  tell({ kind: "started" })
  const tellCounters = (): void => tell({ kind: "counters", counters: store.counters() })
  const cancel = clock.every(TELL_EVERY_MS, tellCounters)

  await asked
  cancel()
  await store.stop()
  tellCounters()
  await nc.drain().catch(() => undefined)
  await Promise.all([patientSql.end({ timeout: 5 }), sql.end({ timeout: 5 })])
  port.close()
}

if (parentPort === null) throw new Error("this is the entry of a thread, not of a program")
await run(workerData as ThreadData, parentPort)
