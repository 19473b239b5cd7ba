import { isDeepStrictEqual } from "node:util"
import type { HostRow } from "@boocontrol/shared/hosts"
import { HostId } from "@boocontrol/shared/ids"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { HOSTS_CHANNEL, hostsStore } from "./store.ts"
import type { HostFacts, HostsStore } from "./store.ts"

/** `row` is null where the host was removed. */
export type HostChange = { id: HostId; row: HostRow | null }

/** Who is registered, in memory: read once, kept by what this process changes and by what it hears of others. */
export interface HostRegistry {
  readonly store: HostsStore
  load(): Promise<void>
  readonly rows: ReadonlyMap<HostId, HostRow>
  /** What was just written; null: removed. */
  keep(id: HostId, row: HostRow | null): void
  /** Registers a host that spoke. Answers from memory where there is nothing to write. */
  ensureHost(id: HostId, facts?: HostFacts | null): Promise<HostRow>
  /** Resolves once a registration of this host that is under way is over: it is shown before it is stored. */
  registered(id: HostId): Promise<void>
  /** A host that nobody knows is not disabled. */
  isEnabled(id: HostId): boolean
  /** Calls back for each change, whoever made it, on this hub or another. */
  onChange(listener: (change: HostChange) => void): void
  /** Listens to what others change. */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface RegistryOptions {
  sql: Sql
  log: Log
  /** After a change by another was read; null: after all of them were, since some may not have been heard. */
  heard?: (id: HostId | null) => Promise<void>
}

export function createRegistry({ sql, log, heard }: RegistryOptions): HostRegistry {
  const store = hostsStore(sql)
  const rows = new Map<HostId, HostRow>()
  const listeners: ((change: HostChange) => void)[] = []
  const inHand = new Map<HostId, Promise<HostRow>>()
  let endListening: (() => Promise<void>) | null = null

  const keep = (id: HostId, row: HostRow | null): void => {
    if (row) rows.set(id, row)
    else rows.delete(id)
    for (const listener of listeners) listener({ id, row })
  }

  const readAnew = async (id: HostId): Promise<void> => keep(id, await readSettled(rows, id, store.find))

  const reload = async (payload: string): Promise<void> => {
    const id = HostId.safeParse(payload)
    if (!id.success) return
    await readAnew(id.data)
    await heard?.(id.data)
  }

  const reloadAll = async (): Promise<void> => {
    const before = new Map(rows)
    const stored = new Map((await store.all()).map((row) => [row.provider_id, row]))
    for (const id of new Set([...rows.keys(), ...stored.keys()])) {
      const row = stored.get(id) ?? null
      if (rows.get(id) !== before.get(id)) await readAnew(id)
      else if (!isDeepStrictEqual(row, rows.get(id) ?? null)) keep(id, row)
    }
    await heard?.(null)
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
    ...{ store, rows, keep, ensureHost },
    async load() {
      for (const row of await store.all()) rows.set(row.provider_id, row)
    },
    async registered(id) {
      // One that failed is no registration: whoever asks finds that nobody knows the host.
      await inHand.get(id)?.catch(() => undefined)
    },
    isEnabled: (id) => rows.get(id)?.enabled ?? true,
    onChange: (listener) => void listeners.push(listener),
    async start() {
      if (endListening) return
      const notRead = (error: unknown): void =>
        log.warn({ part: "hosts", err: error }, "a change was not read")
      const { unlisten } = await sql.listen(
        HOSTS_CHANNEL,
        (payload) => void reload(payload).catch(notRead),
        // At each new connection too: what was announced in between is not missed.
        () => void reloadAll().catch(notRead),
      )
      endListening = unlisten
    },
    async stop() {
      await endListening?.()
      endListening = null
    },
  }
}

/**
 * Reads a row until none was kept meanwhile: what was read before this process wrote, and came after, is older than
 * what it wrote.
 */
export async function readSettled<Id, Row>(
  rows: ReadonlyMap<Id, Row>,
  id: Id,
  find: (id: Id) => Promise<Row | null>,
): Promise<Row | null> {
  for (;;) {
    const before = rows.get(id)
    const row = await find(id)
    if (rows.get(id) === before) return row
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
