import { createServer } from "node:http"
import type { IncomingMessage } from "node:http"
import { join } from "node:path"
import compress from "@fastify/compress"
import Fastify, { LogController } from "fastify"
import type { FastifyBaseLogger, FastifyInstance } from "fastify"
import { BooError } from "@boocontrol/shared/errors"
import type { Frame } from "@boocontrol/shared/frames"
import type { HostId } from "@boocontrol/shared/ids"
import { createJudge, createTokens, installAccess, sessionRoutes } from "./access/index.ts"
import type { Judge } from "./access/index.ts"
import { CONTENT_SECURITY_POLICY } from "./access/headers.ts"
import type { Config } from "./config.ts"
import { createActions } from "./actions/index.ts"
import { createActivity } from "./activity/index.ts"
import { LEFT_TO_STORING, createFleet } from "./fleet/index.ts"
import type { Fleet } from "./fleet/index.ts"
import { createBreakers, createGateway, createKeys } from "./gateway/index.ts"
import type { Gateway } from "./gateway/index.ts"
import { createHealth } from "./health/index.ts"
import { createMetrics } from "./health/metrics.ts"
import { hostCredentials } from "./hosts/credentials.ts"
import { createHosts } from "./hosts/index.ts"
import { UNREADABLE, createDeadLetterRetry, createIngest, createResume } from "./ingest/index.ts"
import type { Handlers, Rejected } from "./ingest/index.ts"
import { createLogs } from "./logs/index.ts"
import { createLeases } from "./leases/index.ts"
import { toOriginForm } from "./platform/absolute-form.ts"
import { answerBrokenRequest } from "./platform/broken-request.ts"
import type { Clock } from "./platform/clock.ts"
import { createFirstScreen } from "./platform/first-screen.ts"
import { createHostCommands } from "./platform/host-commands.ts"
import { installHttpRules } from "./platform/http.ts"
import { closeHttp } from "./platform/http-close.ts"
import type { Log } from "./platform/log.ts"
import { createMicroService } from "./platform/micro-service.ts"
import type { NatsConnection } from "./platform/nats.ts"
import { installOpenApi } from "./platform/openapi.ts"
import { withPatience } from "./platform/postgres.ts"
import type { Sql } from "./platform/postgres.ts"
import { createSecretBox } from "./platform/secret-box.ts"
import { createSockets } from "./platform/sockets.ts"
import type { Sockets } from "./platform/sockets.ts"
import { installStatic } from "./platform/static.ts"
import { createRetention } from "./retention/index.ts"
import { createRouting } from "./routing/index.ts"
import type { Routing } from "./routing/index.ts"
import { createSampleStore } from "./samples.ts"
import { createSamplesApart } from "./samples-apart.ts"
import { createSwaps } from "./swaps/index.ts"
import { ROLLUPS, createTelemetry, createTelemetryStore } from "./telemetry/index.ts"
import { VERSION } from "./version.ts"

export interface AppOptions {
  config: Config
  sql: Sql
  nc: NatsConnection
  clock: Clock
  log: Log
  /** The built cockpit. */
  uiFolder?: string
  /** Samples are stored by a thread of its own, which has the system's clock. */
  samplesApart?: boolean
}

export interface App {
  readonly http: FastifyInstance
  readonly fleet: Pick<Fleet, "hubId" | "counts">
  /** What the gateway asks where a request goes. */
  readonly routing: Routing["port"]
  /** Rebuilds what is live, then listens to hosts. */
  start(): Promise<void>
  /** Takes nothing new, finishes what is in hand. The connections stay open. */
  stop(): Promise<void>
}

// Dropping, counting and summing up what piled up over months, on a slow disk.
const PATIENCE = { answerWithinMs: 10 * 60_000, max: 4 }

/** A capture is in its host's memory: what takes longer will not come. */
const CAPTURE_WITHIN_MS = 10_000
const UI_FOLDER = join(import.meta.dirname, "../../ui/dist")

/** Builds every capability and connects them: the order here is the order of who needs whom. */
export async function createApp({
  config,
  sql,
  nc,
  clock,
  log,
  uiFolder = UI_FOLDER,
  samplesApart = false,
}: AppOptions): Promise<App> {
  const base = config.basePath === "/" ? "" : config.basePath
  const credentials = hostCredentials(config.dataDir)
  const secrets = createSecretBox(config.dataDir)
  const hosts = createHosts({
    ...{ sql, log, credentials, secrets, natsUrl: config.nats.url, basePath: config.basePath },
  })
  const logs = createLogs({ ids: () => fleet.ids() })
  const sockets = createSockets({
    clock,
    log,
    sources: {
      snapshot: () => fleet.snapshot(),
      resync: (host: HostId) => fleet.resync(host),
      replay: (topic) => [...logs.replay(topic), ...fleet.samples(topic)],
    },
  })
  const fleet = createFleet({
    ...{ sql, nc, clock, log, registry: hosts },
    output: {
      delta(frame) {
        sockets.send.control_fleet(frame)
        routing.fleetChanged(frame.patch)
      },
      perf: sockets.send.control_perf,
      activity(frame) {
        sockets.send.control_activity(frame)
        routing.finished(frame)
      },
      log: (host, data, at) => sockets.send.control_log(logs.keep(host, data, at)),
    },
  })
  const commands = createHostCommands({ nc, clock, log, speakerOf: fleet.speakerOf })
  const patientSql = withPatience(sql, PATIENCE)
  const leases = createLeases({
    ...{ sql, nc, clock, log, frame: fleet, announcer: { isOne: fleet.isAnnouncer } },
    hosts: {
      ids: () => fleet.ids(),
      workOn(host) {
        const asked = fleet.find(host)?.actions.filter(({ state }) => state === "running").length ?? 0
        const inflight = fleet.inflightOn(host)
        return inflight === null && asked === 0 ? null : (inflight ?? 0) + asked
      },
      onWork: (listener) =>
        fleet.onDelta(({ provider_id, patch }) => {
          if ("inflight_total" in patch || "actions" in patch) listener(provider_id)
        }),
    },
  })
  const actions = createActions({
    ...{ sql, clock, log, hubId: fleet.hubId, hosts: fleet, leases, commands },
  })
  const parts = { askDatabase: async () => sql`select 1`, askNats: async () => nc.flush() }
  const health = createHealth({ version: VERSION, hubId: fleet.hubId, clock, parts })
  const streamFigures = () => [
    { stream: "BOO_EVENTS", ...ingest.counters().BOO_EVENTS },
    { stream: "BOO_PERF", ...samples.counters().ingest },
  ]
  const retention = createRetention({
    ...{ sql, patientSql, clock, log, hosts, tiers: ROLLUPS, retain: config.retain, hubId: fleet.hubId },
    captureBudgetBytes: config.capture.budgetBytes,
    packing: { pack: (wanted, signal) => telemetry.pack(wanted, signal) },
    figures: {
      streams: streamFigures,
      samples: () => samples.counters(),
      natsAnswers: () => health.natsAnswers(),
    },
  })
  const activity = createActivity({
    ...{ sql, patientSql, nc, clock, log, partitions: retention, own: fleet },
    prices: { priceOf: (host, model) => routing.priceOf(host, model) },
    gateways: {
      sent: (spans) => routing.sent(spans),
      clockAheadMs: (host) => fleet.speakerOf(host)?.clockAheadMs ?? 0,
    },
    capturing: {
      hosts: {
        capture: (host, args) => commands.run(host, "capture", { args, waitMs: CAPTURE_WITHIN_MS }),
      },
      settings: config.capture,
    },
  })
  const telemetry = createTelemetry({
    ...{ sql, patientSql, clock, log, retainDays: config.retain.perfDays },
  })
  const swaps = createSwaps({
    ...{ clock, hosts: fleet, changes: fleet.changes, power: telemetry.power, ran: activity.ran },
  })
  const breakers = createBreakers()
  const routing = createRouting({
    ...{ sql, nc, clock, log, secrets, fleet, history: { rows: activity.rows, count: activity.count } },
    ...{ leases, keys: hosts, breakers },
    // Nothing was measured until benches and evals say so.
    scores: { quality: () => null },
  })
  const onRejected = ({ host, kind, reason, problem }: Rejected): void => {
    // The live half counts what it hears itself, which is not all that is stored.
    const isSeenLive = UNREADABLE.has(reason) && (kind === null || !LEFT_TO_STORING.has(kind))
    if (host === null || isSeenLive) return
    fleet.rejected(host, `${reason}: ${problem}`)
  }
  const samples = samplesApart
    ? createSamplesApart({ config, onRejected })
    : createSampleStore({ config, sql, patientSql, nc, clock, log, onRejected })
  const registry = {
    ensureHost: async (id: HostId) => void (await hosts.ensureHost(id)),
    isEnabled: (id: HostId) => hosts.isEnabled(id),
  }
  const handlers: Handlers = {
    activity: activity.storeBatch,
    models: fleet.storeModels,
    note: fleet.storeNotes,
    // There is no table of outcomes: whoever had something done keeps what became of it.
    result: async (envelopes) => commands.stored(envelopes),
  }
  const ingest = createIngest({
    ...{ sql, nc, clock, log, streams: config.streams, only: ["BOO_EVENTS"], onRejected },
    ...{ hosts: registry, handlers },
  })
  // Samples of the stream may be stored in a thread of their own; these few are stored here.
  const { storeBatch: perf } = createTelemetryStore({ sql, clock, log, partitions: retention })
  const deadLetters = createDeadLetterRetry({
    ...{ sql, clock, log, hosts: registry, handlers: { ...handlers, perf } },
  })
  const resume = createResume({
    ...{ nc, log, newestRow: activity.newestRow, newestSampleTs: telemetry.newestSampleTs },
  })
  const rpc = createMicroService({
    ...{ nc, clock, log, version: VERSION },
    endpoints: [...leases.rpc, fleet.rpc, ...routing.rpc],
  })
  const metrics = createMetrics({
    liveness: fleet.counts,
    hosts: fleet.hosts,
    streams: streamFigures,
    sockets: sockets.stats,
    defaultRows: retention.defaultRows,
  })
  hosts.onChange(({ id, row }) => row === null && logs.forget(id))

  const tokens = createTokens({ sql, clock, log })
  const judge = createJudge({ ...config, listenHost: config.listen.host, tokens })
  const access = {
    judge: (request: IncomingMessage, shown: { token: string | null; hasGatewayKey: boolean }) =>
      verdictOn(judge(request, { path: "/v1", guests: config.gatewayOrigins, ...shown })),
  }
  const gateway = createGateway({
    ...{ clock, basePath: config.basePath, routing: routing.port, fleet, breakers, access },
    keys: createKeys({ sql, clock, log }),
    leases,
    ended: metrics.gatewayEnded,
  })
  const http = await createHttp({
    ...{ config, uiFolder, log, sockets, gateway, judge },
    snapshot: () => fleet.snapshot(),
  })
  const session = sessionRoutes({ basePath: base, judge })
  const live = [
    session,
    hosts.routes,
    gateway.routes,
    fleet.routes,
    logs.routes,
    leases.routes,
    actions.routes,
  ]
  const stored = [
    activity.routes,
    telemetry.routes,
    swaps.routes,
    retention.routes,
    routing.routes,
    deadLetters.routes,
  ]
  for (const routes of [...live, ...stored]) await http.register(routes, { prefix: `${base}/api/control` })
  for (const routes of [health.routes, metrics.routes]) await http.register(routes, { prefix: base })

  return {
    http,
    fleet,
    routing: routing.port,
    async start() {
      await tokens.start()
      await hosts.load()
      await retention.start()
      await fleet.start()
      await hosts.start()
      await leases.start()
      commands.start()
      rpc.start()
      await actions.start()
      resume.start()
      ingest.start()
      await samples.start()
      activity.start()
      await routing.start()
      await gateway.start()
    },
    async stop() {
      sockets.stop()
      await gateway.stop()
      leases.endWaits()
      await closeHttp(http, clock)
      await rpc.stop()
      await actions.stop()
      commands.stop()
      await leases.stop()
      await Promise.all([resume.stop(), ingest.stop(), samples.stop(), activity.stop()])
      await Promise.all([retention.stop(), hosts.stop(), routing.stop(), tokens.stop()])
      await fleet.stop()
      await patientSql.end({ timeout: 5 })
    },
  }
}

/** Longer than clients and proxies keep theirs: who closes first should be who opened. */
const KEEP_ALIVE_MS = 72_000

/** The registry's status and words for what access says, for whoever does not answer in the hub's own shape. */
function verdictOn(verdict: ReturnType<Judge>) {
  if (verdict.ok) return { ok: true as const }
  const { status, code, message } = new BooError(verdict.code, verdict.details)
  return { ok: false as const, status, code, message }
}

/** Java's client offers h2c with each first request: who is offered another protocol may go on with this one. */
function isForSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket"
}

/** The server with everything that is not a capability: errors, access, compression, API page, cockpit. */
async function createHttp({
  sockets,
  config,
  uiFolder,
  log,
  gateway,
  judge,
  snapshot,
}: Required<Pick<AppOptions, "config" | "uiFolder" | "log">> & {
  sockets: Sockets
  gateway: Gateway
  judge: Judge
  snapshot: () => Frame
}) {
  const { basePath } = config
  const loggerInstance: FastifyBaseLogger = log.child({ part: "http" })
  const http = Fastify({
    ...{ loggerInstance, logController: new LogController({ disableRequestLogging: true }) },
    clientErrorHandler: answerBrokenRequest,
    // The data plane sees requests first and as they come: a framework's way to a handler costs as much as all it does.
    serverFactory: (handler) =>
      createServer(
        { keepAliveTimeout: KEEP_ALIVE_MS, shouldUpgradeCallback: isForSocket },
        (request, response) => {
          toOriginForm(request)
          if (!gateway.takes(request, response)) handler(request, response)
        },
      ),
  })
  installHttpRules(http)
  // Before access: an upgrade that is refused would leave its connection open otherwise.
  await sockets.install(http, basePath === "/" ? "" : basePath)
  installAccess(http, { basePath, judge })
  await http.register(compress, { threshold: 2048, encodings: ["br", "gzip"] })
  await installOpenApi(http, { version: VERSION, path: `${basePath === "/" ? "" : basePath}/api/docs` })
  await installStatic(http, {
    ...{ root: uiFolder, basePath, contentSecurityPolicy: CONTENT_SECURITY_POLICY },
    firstScreen: createFirstScreen({ root: uiFolder, snapshot, log }),
  })
  return http
}
