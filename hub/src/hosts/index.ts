import type { FastifyInstance } from "fastify"
import type { HostRow } from "@boocontrol/shared/hosts"
import type { HostId } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import type { SecretBox } from "../platform/secret-box.ts"
import type { HostCredentials } from "./credentials.ts"
import { enrolmentRoutes } from "./enrolment-routes.ts"
import { createEnrolments } from "./enrolments.ts"
import { createRegistry } from "./registry.ts"
import type { HostChange } from "./registry.ts"
import { hostsRoutes } from "./routes.ts"
import type { HostFacts } from "./store.ts"
import { createUpstreamKeys } from "./upstream-keys.ts"

export { createRegistry } from "./registry.ts"
export type { HostChange } from "./registry.ts"
export type { HostFacts } from "./store.ts"

export interface HostsOptions {
  sql: Sql
  log: Log
  credentials: HostCredentials
  secrets: SecretBox
  /** Base path of the hub, where its gateway is. */
  basePath: string
  /** Where hosts reach NATS. */
  natsUrl: string
}

export interface Hosts {
  routes: (app: FastifyInstance) => Promise<void>
  /** Reads the registry; call before anything else. */
  load(): Promise<void>
  rows(): readonly HostRow[]
  get(id: HostId): HostRow | undefined
  /** Registers a host that spoke. Answers from memory where there is nothing to write. */
  ensureHost(id: HostId, facts?: HostFacts | null): Promise<HostRow>
  isEnabled(id: HostId): boolean
  /** The host's own key, for who sends it requests; null where it needs none. */
  keyOf(id: HostId): string | null
  seen(hosts: readonly { id: HostId; at: Instant }[]): Promise<void>
  /** Calls back for each change, whoever made it, on this hub or another. */
  onChange(listener: (change: HostChange) => void): void
  /** Listens to what other hubs change. */
  start(): Promise<void>
  stop(): Promise<void>
}

export function createHosts({ sql, log, credentials, secrets, natsUrl, basePath }: HostsOptions): Hosts {
  const keys = createUpstreamKeys({ sql, box: secrets, log })
  const registry = createRegistry({ sql, log, heard: (id) => (id === null ? keys.load() : keys.reload(id)) })
  const { store, rows } = registry
  return {
    async routes(app) {
      const enrolling = { rows, enrolments: createEnrolments(sql), credentials, natsUrl, basePath }
      await hostsRoutes({ ...enrolling, registry, keys })(app)
      await enrolmentRoutes(enrolling)(app)
    },
    async load() {
      await registry.load()
      await keys.load()
    },
    rows: () => [...rows.values()],
    get: (id) => rows.get(id),
    ensureHost: registry.ensureHost,
    isEnabled: registry.isEnabled,
    keyOf: keys.keyOf,
    seen: (hosts) => store.seen(hosts),
    onChange: registry.onChange,
    start: registry.start,
    stop: registry.stop,
  }
}
