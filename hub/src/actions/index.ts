import type { FastifyInstance } from "fastify"
import type { HubId } from "@boocontrol/shared/ids"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { asker } from "./ask.ts"
import type { ActedCommandsPort, ActedHostsPort, ActedLeasesPort } from "./ports.ts"
import { actionsRoutes } from "./routes.ts"
import { createActionsRun } from "./run.ts"
import { actionsStore } from "./store.ts"

export interface ActionsOptions {
  sql: Sql
  clock: Clock
  log: Log
  hubId: HubId
  hosts: ActedHostsPort
  leases: ActedLeasesPort
  commands: ActedCommandsPort
}

export interface Actions {
  routes: (app: FastifyInstance) => Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

/** What people have hosts do, one thing after the other. */
export function createActions({ sql, hosts, leases, ...rest }: ActionsOptions): Actions {
  const log = rest.log.child({ part: "actions" })
  const store = actionsStore(sql)
  const run = createActionsRun({ ...rest, sql, store, hosts, leases, log })
  const onFailed = (error: unknown): void => log.warn({ err: error }, "a cancellation was not carried on")
  const ask = asker({ store, hosts, leases, run, onFailed })
  return { routes: actionsRoutes({ ask, store, hosts }), start: run.start, stop: run.stop }
}
