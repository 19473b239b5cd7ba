import { join } from "node:path"
import compress from "@fastify/compress"
import Fastify from "fastify"
import type { FastifyBaseLogger, FastifyInstance } from "fastify"
import type { HostId } from "@boocontrol/shared/ids"
import { installAccess } from "./access/index.ts"
import { CONTENT_SECURITY_POLICY } from "./access/headers.ts"
import type { Config } from "./config.ts"
import { createFleet } from "./fleet/index.ts"
import type { Fleet } from "./fleet/index.ts"
import { createHealth } from "./health/index.ts"
import { hostCredentials } from "./hosts/credentials.ts"
import { createHosts } from "./hosts/index.ts"
import { createLogs } from "./logs/index.ts"
import type { Clock } from "./platform/clock.ts"
import { installHttpRules } from "./platform/http.ts"
import type { Log } from "./platform/log.ts"
import type { NatsConnection } from "./platform/nats.ts"
import { installOpenApi } from "./platform/openapi.ts"
import type { Sql } from "./platform/postgres.ts"
import { createSockets } from "./platform/sockets.ts"
import { installStatic } from "./platform/static.ts"
import { VERSION } from "./version.ts"

export interface AppOptions {
  config: Pick<
    Config,
    "listen" | "basePath" | "adminToken" | "trustedProxies" | "dataDir" | "nats" | "streams"
  >
  sql: Sql
  nc: NatsConnection
  clock: Clock
  log: Log
  /** The built cockpit. */
  uiFolder?: string
}

export interface App {
  readonly http: FastifyInstance
  readonly fleet: Pick<Fleet, "hubId" | "counts">
  /** Rebuilds what is live, then listens to hosts. */
  start(): Promise<void>
  /** Takes nothing new, finishes what is in hand. The connections stay open. */
  stop(): Promise<void>
}

const UI_FOLDER = join(import.meta.dirname, "../../ui/dist")

/** Builds every capability and connects them: the order here is the order of who needs whom. */
export async function createApp({
  config,
  sql,
  nc,
  clock,
  log,
  uiFolder = UI_FOLDER,
}: AppOptions): Promise<App> {
  const base = config.basePath === "/" ? "" : config.basePath
  const credentials = hostCredentials(config.dataDir)
  const hosts = createHosts({ sql, log, credentials, natsUrl: config.nats.url })
  const logs = createLogs({
    isKnown: (id) => hosts.get(id) !== undefined,
    ids: () => hosts.rows().map((row) => row.provider_id),
  })
  const sockets = createSockets({
    clock,
    log,
    sources: {
      snapshot: () => fleet.snapshot(),
      resync: (host: HostId) => fleet.resync(host),
      replay: (topic) => (topic.startsWith("log:") ? logs.replay(topic) : fleet.samples(topic)),
    },
  })
  const fleet = createFleet({
    ...{ sql, nc, clock, log, registry: hosts },
    output: {
      delta: sockets.send.control_fleet,
      perf: sockets.send.control_perf,
      activity: sockets.send.control_activity,
      log: (host, data) => sockets.send.control_log(logs.keep(host, data)),
    },
  })
  const parts = { askDatabase: async () => sql`select 1`, askNats: async () => nc.flush() }
  const health = createHealth({ version: VERSION, hubId: fleet.hubId, clock, parts })
  hosts.onChange(({ id, row }) => row === null && logs.forget(id))

  const loggerInstance: FastifyBaseLogger = log.child({ part: "http" })
  const http = Fastify({ loggerInstance, disableRequestLogging: true })
  installHttpRules(http)
  installAccess(http, { ...config, listenHost: config.listen.host })
  await http.register(compress, { threshold: 2048, encodings: ["br", "gzip"] })
  await installOpenApi(http, { version: VERSION, path: `${base}/api/docs` })
  await sockets.install(http, base)
  for (const routes of [hosts.routes, fleet.routes, logs.routes]) {
    await http.register(routes, { prefix: `${base}/api/control` })
  }
  await http.register(health.routes, { prefix: base })
  await installStatic(http, {
    ...{ root: uiFolder, basePath: config.basePath, contentSecurityPolicy: CONTENT_SECURITY_POLICY },
  })

  return {
    http,
    fleet,
    async start() {
      await hosts.load()
      await fleet.start()
      await hosts.start()
    },
    async stop() {
      sockets.stop()
      await http.close()
      await hosts.stop()
      await fleet.stop()
    },
  }
}
