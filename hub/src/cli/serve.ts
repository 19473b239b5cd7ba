import type { Config } from "../config.ts"
import { createApp } from "../app.ts"
import type { App } from "../app.ts"
import { systemClock } from "../platform/clock.ts"
import { createLog } from "../platform/log.ts"
import type { Log } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectNats } from "../platform/nats.ts"
import { connectPostgres, outliveBrokenConnections, withPatience } from "../platform/postgres.ts"
import { waitForTables } from "../platform/wait-for-tables.ts"
import { untilAsked } from "./until-asked.ts"

/** What is not done by then is given up: whoever asked for the end will not wait for ever. */
const DRAIN_MS = 10_000

/** Runs the hub until it is asked to stop. */
export async function serveCommand(config: Config): Promise<number> {
  const log = createLog(config.log)
  const clock = systemClock
  outliveBrokenConnections(log)
  const sql = connectPostgres(config.databaseUrl, { log })
  await waitForTables(sql, { tables: config.waitForTables, timeoutMs: config.waitTimeoutMs, clock, log })
  const migrating = withPatience(sql, { answerWithinMs: null, max: 2 })
  await migrate(migrating, { log })
  await migrating.end({ timeout: 5 })
  const nc = await connectNats({ ...config.nats, name: "boocontrol-hub", log, clock })
  const app = await createApp({ config, sql, nc, clock, log, samplesApart: true })
  await app.start()
  await listenOn(app, config)
  const address = app.http.listeningOrigin
  log.info({ address: `${address}${config.basePath}`, hub_id: app.fleet.hubId }, "the hub listens")

  const why = await untilAsked(config.lifeline)
  log.info({ why }, "the hub stops")
  const cancel = clock.setTimeout(() => giveUp(log), DRAIN_MS)
  await app.stop()
  await nc.drain().catch(() => undefined)
  await sql.end({ timeout: 5 })
  cancel()
  return 0
}

async function listenOn(app: App, { listen }: Config): Promise<void> {
  await app.http.listen({ host: listen.host, port: listen.port })
}

function giveUp(log: Log): void {
  log.error("what was in hand did not end in time")
  process.exit(1)
}
