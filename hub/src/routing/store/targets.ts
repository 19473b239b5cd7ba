import { RouteTarget } from "@boocontrol/shared/routing"
import type { NewTarget, TargetPatch } from "@boocontrol/shared/routing"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import type { SecretBox } from "../../platform/secret-box.ts"
import { ROUTING_CHANNEL } from "./policies.ts"

const Row = z.extend(RouteTarget, { credential_encrypted: z.nullable(z.instanceof(Uint8Array)) })

/** A target with what it is asked with. The credential never leaves the hub but to that target. */
export interface StoredTarget {
  readonly target: RouteTarget
  readonly credential: string | null
}

export interface TargetsStore {
  all(): Promise<StoredTarget[]>
  /** Null: there is one of that id. */
  insert(target: NewTarget): Promise<RouteTarget | null>
  patch(id: string, patch: TargetPatch): Promise<RouteTarget | null>
  remove(id: string): Promise<boolean>
}

/** What a credential is sealed for: it opens nowhere else. */
const placeOf = (id: string): string => `target:${id}`

export function targetsStore(sql: Sql, secrets: SecretBox): TargetsStore {
  const columns = sql`
    target_id, display_name, dialect, base_url, enabled, models, max_concurrent, created_at, updated_at,
    credential_encrypted is not null as has_credential`
  const announce = (id: string) => sql`select pg_notify(${ROUTING_CHANNEL}, ${`target ${id}`})`
  const one = async (rows: readonly unknown[], id: string): Promise<RouteTarget | null> => {
    if (rows.length === 0) return null
    await announce(id)
    return RouteTarget.parse(rows[0])
  }
  return {
    async all() {
      const rows = await sql`select ${columns}, credential_encrypted from route_targets order by target_id`
      return rows.map((row) => {
        const { credential_encrypted: sealed, ...target } = Row.parse(row)
        return {
          target,
          credential: sealed === null ? null : secrets.open(sealed, placeOf(target.target_id)),
        }
      })
    },
    async insert({ target_id: id, credential, models, ...fields }) {
      const sealed = credential === undefined ? null : secrets.seal(credential, placeOf(id))
      const rows = await sql`
        insert into route_targets ${sql({ target_id: id, ...fields })}
        on conflict do nothing returning target_id`
      if (rows.length === 0) return null
      return one(
        await sql`
          update route_targets set models = ${sql.json(models)}, credential_encrypted = ${sealed}
          where target_id = ${id} returning ${columns}`,
        id,
      )
    },
    async patch(id, { credential, models, ...fields }) {
      const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
      const sealed = typeof credential === "string" ? secrets.seal(credential, placeOf(id)) : null
      const rows = await sql`
        update route_targets set ${sql({ target_id: id, ...given })}, updated_at = clock_timestamp(),
          models = coalesce(${models === undefined ? null : sql.json(models)}::jsonb, models),
          credential_encrypted = case when ${credential !== undefined} then ${sealed}::bytea
                                      else credential_encrypted end
        where target_id = ${id} returning ${columns}`
      return one(rows, id)
    },
    async remove(id) {
      const rows = await sql`delete from route_targets where target_id = ${id} returning target_id`
      if (rows.length > 0) await announce(id)
      return rows.length > 0
    },
  }
}
