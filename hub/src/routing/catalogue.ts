import { DEFAULT_POLICIES, RoutePolicy } from "@boocontrol/shared/route-policy"
import type { RoutePolicyRow } from "@boocontrol/shared/route-policy"
import { instantOf } from "@boocontrol/shared/time"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { compilePolicy, headersIn } from "./core/policy.ts"
import type { CompiledPolicy } from "./core/policy.ts"
import { ROUTING_CHANNEL } from "./store/policies.ts"
import type { PoliciesStore, StoredPolicy } from "./store/policies.ts"
import type { StoredTarget, TargetsStore } from "./store/targets.ts"

/** Policies and targets in memory, as saved; those that come with the hub where nothing else was. */
export interface Catalogue {
  readonly policies: ReadonlyMap<string, CompiledPolicy>
  /** Names of the headers that any policy looks at. */
  headers(): ReadonlySet<string>
  rows(): readonly RoutePolicyRow[]
  row(name: string): RoutePolicyRow | null
  /** Newest version number of a name, also of one that was deleted; 0: never saved. */
  versionOf(name: string): number
  targets(): readonly StoredTarget[]
  target(id: string): StoredTarget | null
  load(): Promise<void>
  /** What this hub has just saved: in force at once, without being read again. */
  saved(policy: StoredPolicy): void
  start(): Promise<void>
  stop(): Promise<void>
}

export interface CatalogueOptions {
  sql: Sql
  log: Log
  policies: PoliciesStore
  targets: TargetsStore
  changed: () => void
}

const BUILTIN: readonly RoutePolicyRow[] = DEFAULT_POLICIES.map((given) => {
  const policy = RoutePolicy.parse(given)
  return { name: policy.name, version: 0, policy, builtin: true, created_at: instantOf(0), created_by: null }
})

export function createCatalogue({ sql, log, policies, targets, changed }: CatalogueOptions): Catalogue {
  const rows = new Map<string, RoutePolicyRow>(BUILTIN.map((row) => [row.name, row]))
  const compiled = new Map<string, CompiledPolicy>()
  const headers = new Set<string>()
  const versions = new Map<string, number>()
  let known: readonly StoredTarget[] = []
  let endListening: (() => Promise<void>) | null = null
  let reloading: Promise<void> | null = null
  let isStale = false
  /** What was read before something was saved, and comes after, is older than that. */
  let saves = 0

  const compileAll = (): void => {
    compiled.clear()
    headers.clear()
    for (const { name, policy, version } of rows.values()) {
      compiled.set(name, compilePolicy(policy, version))
      for (const header of headersIn(policy)) headers.add(header)
    }
  }
  compileAll()

  const take = ({ name, version, row, problem }: StoredPolicy): void => {
    versions.set(name, version)
    // Of one that is not understood here the last meaning is not guessed: it is as if it were switched off.
    if (problem !== null) log.error({ policy: name, version, problem }, "a stored policy is not valid here")
    if (row) rows.set(name, row)
    else rows.delete(name)
  }

  const load = async (): Promise<void> => {
    const before = saves
    const [stored, all] = await Promise.all([policies.newest(), targets.all()])
    if (before !== saves) return void (isStale = true)
    rows.clear()
    for (const row of BUILTIN) rows.set(row.name, row)
    for (const policy of stored) take(policy)
    compileAll()
    known = all
    changed()
  }

  /** One reading at a time; a change meanwhile asks for one more. */
  const reload = (): Promise<void> => {
    isStale = true
    reloading ??= (async () => {
      while (isStale) {
        isStale = false
        await load()
      }
    })().finally(() => (reloading = null))
    return reloading
  }

  return {
    policies: compiled,
    headers: () => headers,
    rows: () => [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    row: (name) => rows.get(name) ?? null,
    versionOf: (name) => versions.get(name) ?? 0,
    targets: () => known,
    target: (id) => known.find(({ target }) => target.target_id === id) ?? null,
    load: reload,
    saved(policy) {
      // Another hub's next version may have been read before the answer to this one was heard.
      if (policy.version <= (versions.get(policy.name) ?? 0)) return
      saves += 1
      take(policy)
      compileAll()
      changed()
    },
    async start() {
      if (endListening) return
      const changed = (): void => {
        reload().catch((error: unknown) => log.warn({ err: error }, "a change of policies was not read"))
      }
      // At each new connection too: what was announced in between is not missed.
      const { unlisten } = await sql.listen(ROUTING_CHANNEL, changed, changed)
      endListening = unlisten
      await reload()
    },
    async stop() {
      await endListening?.()
      endListening = null
      await reloading?.catch(() => undefined)
    },
  }
}
