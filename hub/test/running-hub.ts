import { mkdtempSync } from "node:fs"
import { join } from "node:path"
import { connect } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { inject } from "vitest"
import type { Envelope } from "@boocontrol/shared/envelope"
import { FleetSnapshot } from "@boocontrol/shared/fleet"
import { subjects } from "@boocontrol/shared/subjects"
import { startNats } from "../../deploy/test/services/nats.ts"
import type { TestNats } from "../../deploy/test/services/nats.ts"
import { testDatabase } from "../../deploy/test/services/postgres.ts"
import type { TestDatabase } from "../../deploy/test/services/postgres.ts"
import { createApp } from "../src/app.ts"
import type { App } from "../src/app.ts"
import { readConfig } from "../src/config.ts"
import { systemClock } from "../src/platform/clock.ts"
import type { Clock } from "../src/platform/clock.ts"
import { silentLog } from "../src/platform/log.ts"
import { migrate } from "../src/platform/migrate.ts"
import { connectNats } from "../src/platform/nats.ts"
import { connectPostgres } from "../src/platform/postgres.ts"
import { openReader } from "./reader.ts"
import type { Reader } from "./reader.ts"

/** A database and a NATS of a test's own, and somebody on it who speaks for hosts. */
export interface World {
  database: TestDatabase
  nats: TestNats
  /** As a tool or a sidecar would be connected. */
  nc: NatsConnection
  say(envelope: Envelope): void
  end(): Promise<void>
}

export async function newWorld(label: string): Promise<World> {
  const [database, nats] = await Promise.all([testDatabase(label), startNats()])
  const nc = await connect({ servers: nats.url })
  return {
    ...{ database, nats, nc },
    say: (envelope) => nc.publish(subjects.event(envelope.host, envelope.kind), JSON.stringify(envelope)),
    async end() {
      await nc.close()
      await nats.stop()
      await database.drop()
    },
  }
}

export interface RunningHub {
  app: App
  url: string
  dataDir: string
  /** `GET` below /api/control, parsed. */
  get(path: string, init?: RequestInit): Promise<Response>
  send(method: string, path: string, body: unknown): Promise<Response>
  fleet(): Promise<FleetSnapshot>
  reader(path?: string): Promise<Reader>
  stop(): Promise<void>
}

export interface HubOptions {
  env?: Record<string, string>
  uiFolder?: string
  clock?: Clock
  samplesApart?: boolean
}

/** The hub as `serve` runs it, on a free port. */
export async function runHub(world: World, { env = {}, clock = systemClock, ...more }: HubOptions = {}) {
  const config = readConfig({
    env: {
      DATABASE_URL: world.database.url,
      NATS_URL: world.nats.url,
      BOO_LISTEN: "127.0.0.1:0",
      BOO_DATA_DIR: mkdtempSync(join(inject("testFolder"), "hub-")),
      ...env,
    },
  })
  const sql = connectPostgres(config.databaseUrl, { log: silentLog })
  await migrate(sql, { log: silentLog })
  const nc = await connectNats({ ...config.nats, name: "hub", log: silentLog, clock })
  const app = await createApp({ config, sql, nc, clock, log: silentLog, ...more })
  await app.start()
  const url = await app.http.listen({ host: config.listen.host, port: 0 })
  const base = config.basePath === "/" ? "" : config.basePath
  const readers: Reader[] = []
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`${url}${base}/api/control${path}`, init)
  const hub: RunningHub = {
    ...{ app, url, get, dataDir: config.dataDir },
    send: (method, path, body) =>
      get(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    fleet: async () => FleetSnapshot.parse(await (await get("/fleet")).json()),
    async reader(path = "/api/control/ws") {
      const reader = await openReader(`${url.replace("http", "ws")}${base}${path}`)
      readers.push(reader)
      return reader
    },
    async stop() {
      for (const reader of readers) reader.close()
      await app.stop()
      await nc.close()
      await sql.end({ timeout: 5 })
    },
  }
  return hub
}
