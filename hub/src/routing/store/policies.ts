import { RoutePolicy } from "@boocontrol/shared/route-policy"
import type { RoutePolicyRow } from "@boocontrol/shared/route-policy"
import { Instant } from "@boocontrol/shared/time"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"

/** Other hubs on the same database hear of a change of policies or targets by this channel. */
export const ROUTING_CHANNEL = "boo_routing"

const Stored = z.object({
  name: z.string(),
  version: z.int(),
  policy: z.nullable(z.unknown()),
  created_at: Instant,
  created_by: z.nullable(z.string()),
})

/** The newest version of a policy; `policy` is null where that version says that there is none. */
export interface StoredPolicy {
  readonly name: string
  readonly version: number
  readonly row: RoutePolicyRow | null
  /** What is stored is not valid here: written by another version. */
  readonly problem: string | null
}

export interface PoliciesStore {
  newest(): Promise<StoredPolicy[]>
  history(name: string): Promise<RoutePolicyRow[]>
  /** Null: another version was saved meanwhile. */
  save(given: {
    name: string
    policy: RoutePolicy | null
    basedOn: number
    by: string | null
  }): Promise<StoredPolicy | null>
}

export function policiesStore(sql: Sql): PoliciesStore {
  return {
    async newest() {
      const rows = await sql`
        select distinct on (name) name, version, policy, created_at, created_by
        from route_policies order by name, version desc`
      return rows.map(storedOf)
    },
    async history(name) {
      const rows = await sql`
        select name, version, policy, created_at, created_by from route_policies
        where name = ${name} order by version desc limit 200`
      return rows.flatMap((row) => storedOf(row).row ?? [])
    },
    async save({ name, policy, basedOn, by }) {
      // One way to Postgres and back: who saves waits for it, and so does every request that the policy is for.
      const rows = await sql`
        with saved as (
          insert into route_policies (name, version, policy, created_by)
          select ${name}, ${basedOn + 1}, ${policy === null ? null : sql.json(policy)}, ${by}
          where ${basedOn} = coalesce((select max(version) from route_policies where name = ${name}), 0)
          on conflict do nothing
          returning name, version, policy, created_at, created_by
        )
        select saved.*, pg_notify(${ROUTING_CHANNEL}, ${`policy ${name}`}) from saved`
      return rows[0] === undefined ? null : storedOf(rows[0])
    },
  }
}

function storedOf(row: unknown): StoredPolicy {
  const { name, version, policy, created_at, created_by } = Stored.parse(row)
  if (policy === null || policy === undefined) return { name, version, row: null, problem: null }
  const parsed = RoutePolicy.safeParse(policy)
  if (!parsed.success)
    return { name, version, row: null, problem: parsed.error.issues[0]?.message ?? "not valid" }
  return {
    name,
    version,
    problem: null,
    row: { name, version, policy: parsed.data, builtin: false, created_at, created_by },
  }
}
