import type { Config } from "../config.ts"
import { createApp } from "../app.ts"
import { systemClock } from "../platform/clock.ts"
import { createLog } from "../platform/log.ts"
import type { Log } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectNats } from "../platform/nats.ts"
import { connectPostgres, outliveBrokenConnections, withPatience } from "../platform/postgres.ts"
import { waitForTables } from "../platform/wait-for-tables.ts"
import { untilAsked } from "./until-asked.ts"
import { whyNotHeard } from "./why-not-heard.ts"

/** What is not done by then is given up: whoever asked for the end will not wait for ever. */
const DRAIN_MS = 10_000

/**
 * Runs the hub until it is asked to stop. One that cannot start gives back what it opened, as its connections would
 * keep the process alive: a hub that nobody reaches, beside the one that starts in its place.
 */
export async function serveCommand(config: Config): Promise<number> {
  const log = createLog(config.log)
  const opened: (() => Promise<unknown>)[] = []
  try {
    return await serve(config, log, (end) => opened.push(end))
  } finally {
    const cancel = systemClock.setTimeout(() => giveUp(log), DRAIN_MS)
    for (const end of opened.reverse())
      await end().catch((error: unknown) => log.error({ err: error }, "a part of the hub did not end"))
    cancel()
  }
}

async function serve(
  config: Config,
  log: Log,
  atEnd: (end: () => Promise<unknown>) => void,
): Promise<number> {
  const clock = systemClock
  outliveBrokenConnections(log)
  const sql = connectPostgres(config.databaseUrl, { log })
  atEnd(() => sql.end({ timeout: 5 }))
  await waitForTables(sql, { tables: config.waitForTables, timeoutMs: config.waitTimeoutMs, clock, log })
  const migrating = withPatience(sql, { answerWithinMs: null, max: 2 })
  atEnd(() => migrating.end({ timeout: 5 }))
  await migrate(migrating, { log })
  await migrating.end({ timeout: 5 })
  const nc = await connectNats({ ...config.nats, name: "boocontrol-hub", log, clock })
  atEnd(() => nc.drain().catch(() => undefined))
  const app = await createApp({ config, sql, nc, clock, log, samplesApart: true })
  atEnd(() => app.stop())
  await app.start()
  try {
    await app.http.listen({ ...config.listen })
  } catch (error) {
    const why = whyNotHeard(error, config.listen)
    if (why === null) throw error
    process.stderr.write(`${why}\n`)
    return 1
  }
  log.info(
    { address: `${app.http.listeningOrigin}${config.basePath}`, hub_id: app.fleet.hubId },
    "the hub listens",
  )
  log.info({ why: await untilAsked(config.lifeline) }, "the hub stops")
  return 0
}

function giveUp(log: Log): void {
  log.error("what was in hand did not end in time")
  process.exit(1)
}
