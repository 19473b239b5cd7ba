import { RouteDispatch } from "@boocontrol/shared/routing"
import type { DispatchesQuery } from "@boocontrol/shared/routing"
import type { Instant } from "@boocontrol/shared/time"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"

const COLUMNS = [
  ...(["id", "ts", "request_id", "asked_model", "resolved_as", "policy", "policy_version", "rule"] as const),
  ...(["source", "key_label", "endpoint", "attempt", "provider_id", "model", "swap", "wait_ms"] as const),
  ...(["expected_ttft_ms", "ttft_ms", "duration_ms", "outcome", "reason", "cost", "candidates"] as const),
] as const

const Rows = z.array(RouteDispatch)

export interface DispatchesStore {
  /** Rows as JSON: a column of each would be turned into a parameter of its own otherwise, twenty a row. */
  insert(rows: readonly string[]): Promise<void>
  /** Newest first. */
  list(
    query: Omit<DispatchesQuery, "cursor">,
    after: { ts: Instant; id: string } | null,
  ): Promise<RouteDispatch[]>
}

export function dispatchesStore(sql: Sql): DispatchesStore {
  return {
    async insert(rows) {
      if (rows.length === 0) return
      const columns = sql([...COLUMNS])
      await sql`
        insert into route_dispatches (${columns})
        select ${columns} from json_populate_recordset(null::route_dispatches, ${`[${rows.join(",")}]`}::text::json)
        on conflict do nothing`
    },
    async list({ provider_id: provider, policy, source, request_id: request, limit }, after) {
      const rows = await sql`
        select ${sql([...COLUMNS])} from route_dispatches
        where true
          ${provider === undefined ? sql`` : sql`and provider_id = ${provider}`}
          ${policy === undefined ? sql`` : sql`and policy = ${policy}`}
          ${source === undefined ? sql`` : sql`and source = ${source}`}
          ${request === undefined ? sql`` : sql`and request_id = ${request}`}
          ${after === null ? sql`` : sql`and ts <= ${after.ts} and (ts, id) < (${after.ts}, ${after.id})`}
        order by ts desc, id desc limit ${limit}`
      return Rows.parse([...rows])
    },
  }
}
