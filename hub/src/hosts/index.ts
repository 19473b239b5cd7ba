import type { FastifyInstance } from "fastify"
import type { HostRow } from "@boocontrol/shared/hosts"
import { HostId } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import type { SecretBox } from "../platform/secret-box.ts"
import type { HostCredentials } from "./credentials.ts"
import { enrolmentRoutes } from "./enrolment-routes.ts"
import { createEnrolments } from "./enrolments.ts"
import { hostsRoutes } from "./routes.ts"
import { HOSTS_CHANNEL, hostsStore } from "./store.ts"
import type { HostFacts } from "./store.ts"
import { createUpstreamKeys } from "./upstream-keys.ts"

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

/** `removed` is null where the row is new or another than before. */
export type HostChange = { id: HostId; row: HostRow | null }

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
  const store = hostsStore(sql)
  const keys = createUpstreamKeys({ sql, box: secrets, log })
  const rows = new Map<HostId, HostRow>()
  const listeners: ((change: HostChange) => void)[] = []
  const inHand = new Map<HostId, Promise<HostRow>>()
  let endListening: (() => Promise<void>) | null = null

  const keep = (id: HostId, row: HostRow | null): void => {
    if (row) rows.set(id, row)
    else rows.delete(id)
    for (const listener of listeners) listener({ id, row })
  }

  const reload = async (payload: string): Promise<void> => {
    const id = HostId.safeParse(payload)
    if (!id.success) return
    keep(id.data, await store.find(id.data))
    await keys.reload(id.data)
  }

  const ensure = async (id: HostId, facts: HostFacts | null): Promise<HostRow> => {
    try {
      const row = await store.ensure(id, facts)
      keep(id, row)
      return row
    } finally {
      inHand.delete(id)
    }
  }

  const ensureHost = async (id: HostId, facts: HostFacts | null = null): Promise<HostRow> => {
    const known = rows.get(id)
    if (known && (facts === null || !tellsMore(known, facts))) return known
    const running = inHand.get(id)
    if (running) return facts === null ? running : running.then(() => ensureHost(id, facts))
    const made = ensure(id, facts)
    inHand.set(id, made)
    return made
  }

  return {
    async routes(app) {
      const enrolling = { rows, enrolments: createEnrolments(sql), credentials, natsUrl, basePath }
      await hostsRoutes({ ...enrolling, store, keep, keys })(app)
      await enrolmentRoutes(enrolling)(app)
    },
    async load() {
      for (const row of await store.all()) rows.set(row.provider_id, row)
      await keys.load()
    },
    rows: () => [...rows.values()],
    get: (id) => rows.get(id),
    ensureHost,
    isEnabled: (id) => rows.get(id)?.enabled ?? true,
    keyOf: keys.keyOf,
    seen: (hosts) => store.seen(hosts),
    onChange: (listener) => void listeners.push(listener),
    async start() {
      if (endListening) return
      const changed = (payload: string): void => {
        reload(payload).catch((error: unknown) =>
          log.warn({ part: "hosts", err: error }, "a change was not read"),
        )
      }
      const { unlisten } = await sql.listen(HOSTS_CHANNEL, changed)
      endListening = unlisten
    },
    async stop() {
      await endListening?.()
      endListening = null
    },
  }
}

function tellsMore(row: HostRow, facts: HostFacts): boolean {
  return (
    (facts.os !== null && row.os !== facts.os) ||
    (row.gpu_label === null && facts.gpuLabel !== null) ||
    row.simulated !== facts.simulated ||
    (facts.advertiseUrl !== null && row.advertise_url !== facts.advertiseUrl)
  )
}
