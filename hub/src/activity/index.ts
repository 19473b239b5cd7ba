import type { ActivityRow } from "@boocontrol/shared/activity"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { HostId } from "@boocontrol/shared/ids"
import type { ResumeReply } from "@boocontrol/shared/resume"
import { HUB_HEADER, subjects } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import type { FastifyPluginCallback } from "fastify"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { NatsConnection } from "../platform/nats.ts"
import type { Sql } from "../platform/postgres.ts"
import { headersOf } from "../platform/nats.ts"
import { createCaptures } from "./captures/index.ts"
import type { CaptureSettings } from "./captures/index.ts"
import { captureRoutes } from "./captures/routes.ts"
import type {
  AnnounceActivity,
  CapturesPort,
  GatewaysPort,
  OwnHubPort,
  PartitionsPort,
  TokenPricesPort,
} from "./ports.ts"
import { activityRoutes } from "./routes.ts"
import { activityStore } from "./run.ts"
import { startSums } from "./sums.ts"
import { startNaming } from "./callers/run.ts"
import { ranRequests } from "./store/ran.ts"
import type { RanRequest } from "./store/ran.ts"
import { listRequests, newestRequest } from "./store/read.ts"
import { requestStats } from "./store/stats.ts"

export interface ActivityOptions {
  sql: Sql
  /** For statements that may take minutes; left out: `sql`. */
  patientSql?: Sql
  /** Committed rows are announced here, one message per host. */
  nc: Pick<NatsConnection, "publish">
  clock: Clock
  log: Log
  partitions: PartitionsPort
  /** Without it this hub hears of its own rows as others do. */
  own?: OwnHubPort
  /** Without it nothing is said of what tokens cost. */
  prices?: TokenPricesPort
  /** Without it nobody is named by what gateways sent. */
  gateways?: GatewaysPort
  /** Without it no capture is fetched. */
  capturing?: { hosts: CapturesPort; settings: CaptureSettings }
}

export interface Activity {
  /** `/activity`, `/activity/stats`, both as CSV, `/activity/:id/capture`; to be registered below `/api/control`. */
  routes: FastifyPluginCallback
  /** The handler of `activity` messages. */
  storeBatch(
    envelopes: readonly Envelope<"activity">[],
    delivery: { redelivered: boolean },
  ): Promise<{ notYet: readonly number[] }>
  /** Sums up hours and names callers in the background. */
  start(): void
  stop(): Promise<void>
  /** Where a sidecar that lost its cursor goes on. */
  newestRow(host: HostId): Promise<ResumeReply["row"]>
  /** Finished requests of a host within a range, for what they cost. */
  ran(host: HostId, range: { fromMs: number; toMs: number }): Promise<RanRequest[]>
  /** The newest rows within a range, of all hosts, oldest first. */
  rows(range: { fromMs: number; toMs: number }, limit: number): Promise<ActivityRow[]>
  /** How many rows there are within a range, mostly from sums. */
  count(range: { fromMs: number; toMs: number }): Promise<number>
}

/** Finished requests: stores what the hosts tell, once each, and lists them. */
export function createActivity({
  sql,
  patientSql = sql,
  nc,
  clock,
  log: parent,
  partitions,
  own,
  prices = { priceOf: () => null },
  gateways,
  capturing,
}: ActivityOptions): Activity {
  const log = parent.child({ part: "activity" })
  const headers = own && headersOf({ [HUB_HEADER]: own.hubId })
  const announce: AnnounceActivity = (committed, text) => {
    try {
      nc.publish(subjects.hub("activity", committed.provider_id), text, headers && { headers })
    } catch (error) {
      log.warn({ err: error, host: committed.provider_id }, "stored rows could not be announced")
    }
    own?.committed(committed)
  }
  const captures =
    capturing === undefined
      ? null
      : createCaptures({
          ...{ sql, clock, log, ...capturing },
          announce: (committed) => announce(committed, JSON.stringify(committed)),
        })
  const stored = (rows: readonly ActivityRow[]): void => captures?.offer(rows)
  const ends: (() => Promise<void>)[] = []
  return {
    start() {
      if (ends.length > 0) return
      ends.push(startSums({ sql: patientSql, clock, log }))
      if (gateways) ends.push(startNaming({ sql, clock, log, gateways, announce, stored }))
    },
    async stop() {
      await Promise.all([...ends.splice(0).map((end) => end()), captures?.stop()])
    },
    routes(app, _options, done) {
      void app.register(activityRoutes({ sql, clock, prices }))
      if (captures) void app.register(captureRoutes(captures))
      done()
    },
    storeBatch: activityStore({
      ...{ sql, partitions, announce, stored },
    }),
    newestRow: (host) => newestRequest(sql, host),
    ran: (host, range) => ranRequests(sql, host, range),
    async rows({ fromMs, toMs }, limit) {
      const filters = { from: instantOf(fromMs), to: instantOf(toMs) }
      return (await listRequests(sql, { filters, after: null, limit })).reverse()
    },
    async count({ fromMs, toMs }) {
      const sums = await requestStats(sql, { from: instantOf(fromMs), to: instantOf(toMs) })
      return sums.reduce((all, { requests }) => all + requests, 0)
    },
  }
}
