import type { ModelPref } from "@boocontrol/shared/fleet"
import { HostId } from "@boocontrol/shared/ids"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import type { Preference, Preferences } from "../shown-models.ts"

/** Other hubs on the same database hear of a change by this channel; the payload is the host id. */
export const PREFERENCES_CHANNEL = "boo_model_prefs"

const Row = z.object({ provider_id: HostId, model: z.string(), favorite: z.boolean(), hidden: z.boolean() })

export interface PreferencesStore {
  all(): Promise<Map<HostId, Preferences>>
  of(host: HostId): Promise<Preferences>
  /** What is not given stays as it is. */
  save(pref: ModelPref): Promise<Preference>
}

export function preferencesStore(sql: Sql): PreferencesStore {
  const byHost = (rows: readonly unknown[]): Map<HostId, Map<string, Preference>> => {
    const known = new Map<HostId, Map<string, Preference>>()
    for (const row of rows) {
      const { provider_id, model, favorite, hidden } = Row.parse(row)
      const prefs = known.get(provider_id) ?? new Map<string, Preference>()
      known.set(provider_id, prefs.set(model, { favorite, hidden }))
    }
    return known
  }
  return {
    all: async () => byHost(await sql`select provider_id, model, favorite, hidden from control_model_prefs`),
    async of(host) {
      const rows = await sql`
        select provider_id, model, favorite, hidden from control_model_prefs where provider_id = ${host}`
      return byHost(rows).get(host) ?? new Map()
    },
    async save({ provider_id, model, favorite = null, hidden = null }) {
      const rows = await sql`
        insert into control_model_prefs as p (provider_id, model, favorite, hidden)
        values (${provider_id}, ${model}, coalesce(${favorite}::boolean, false), coalesce(${hidden}::boolean, false))
        on conflict (provider_id, model) do update set updated_at = clock_timestamp(),
          favorite = coalesce(${favorite}::boolean, p.favorite), hidden = coalesce(${hidden}::boolean, p.hidden)
        returning provider_id, model, favorite, hidden`
      await sql`select pg_notify(${PREFERENCES_CHANNEL}, ${provider_id})`
      const { favorite: isFavorite, hidden: isHidden } = Row.parse(rows[0])
      return { favorite: isFavorite, hidden: isHidden }
    },
  }
}
