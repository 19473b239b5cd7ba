import type { HostId } from "@boocontrol/shared/ids"
import { SourceLabel } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { RouteDispatch } from "@boocontrol/shared/routing"
import type { DispatchesQuery, RouteFlows } from "@boocontrol/shared/routing"
import type { Instant } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import { COUNTED, countedFlows, flowsSince } from "./flows.ts"

const MOST_SENT = 5_000
const COLUMNS = [
  ...(["id", "ts", "request_id", "asked_model", "resolved_as", "policy", "policy_version", "rule"] as const),
  ...(["source", "key_label", "endpoint", "attempt", "provider_id", "model", "swap", "wait_ms"] as const),
  ...(["expected_ttft_ms", "ttft_ms", "duration_ms", "outcome", "reason", "cost"] as const),
  ...(["tools", "images", "asked_tokens", "prompt_tokens", "output_tokens", "headers"] as const),
  ...(["candidates", "path", "status_code", "client_ip", "user_agent", "session_id"] as const),
] as const

const Rows = z.array(RouteDispatch)

const AskFacts = z.pick(RouteDispatch, {
  ...{ request_id: true, key_label: true, endpoint: true, tools: true, images: true, asked_tokens: true },
  headers: true,
})
/** What the gateway noted of a request that a policy can match on. */
export type AskFacts = z.infer<typeof AskFacts>
const Facts = z.array(AskFacts)

type PageWanted = Omit<DispatchesQuery, "cursor">
type PageEnd = { ts: Instant; id: string }

export interface DispatchesStore {
  /** Rows as JSON: a column of each would be turned into a parameter of its own otherwise, twenty a row. */
  insert(rows: readonly string[]): Promise<void>
  /** Newest first. */
  list(query: PageWanted, after: PageEnd | null): Promise<RouteDispatch[]>
  /** Of the requests with these ids that ended within a range, where it was noted: one for each. */
  asks(ids: readonly string[], range: { from: Instant; to: Instant }): Promise<AskFacts[]>
  /** Who sent what where since a time. */
  flows(from: Instant): Promise<Pick<RouteFlows, "requests" | "flows" | "rows">>
  /** What may have reached hosts, of each span what ended in it: nothing of one in which too much did to tell it apart. */
  sent(spans: readonly HostSpan[]): Promise<SentDispatch[][]>
}

interface HostSpan {
  readonly host: HostId
  readonly fromMs: number
  readonly toMs: number
}

const SentDispatch = z.object({
  n: z.int(),
  request_id: z.string(),
  source: z.nullable(SourceLabel),
  model: z.string(),
  path: z.string(),
  status: z.nullable(z.int()),
  endedAtMs: z.number(),
  durationMs: z.number(),
  client_ip: z.nullable(z.string()),
  user_agent: z.nullable(z.string()),
  session_id: z.nullable(z.string()),
})
type SentDispatch = z.infer<typeof SentDispatch>
const SentDispatches = z.array(SentDispatch)

export function dispatchesStore(sql: Sql): DispatchesStore {
  return {
    async insert(rows) {
      if (rows.length === 0) return
      // Not the client's own way to say columns: it takes what stands first in a statement for the statement.
      const columns = sql.unsafe(COLUMNS.join(", "))
      await sql`
        with stored as (
          insert into route_dispatches (${columns})
          select ${columns} from json_populate_recordset(null::route_dispatches, ${`[${rows.join(",")}]`}::text::json)
          on conflict do nothing
          returning ${sql.unsafe(COUNTED)}
        ) ${countedFlows(sql)}`
    },
    async list(query, after) {
      return Rows.parse([...(await dispatchesQuery(sql, query, after))])
    },
    async asks(ids, { from, to }) {
      const rows = await sql`
        select distinct on (request_id) request_id, key_label, endpoint, tools, images, asked_tokens, headers
        from route_dispatches
        where request_id = any(${[...ids]}::text[]) and ts >= ${from} and ts <= ${to} and tools is not null
        order by request_id, attempt`
      return Facts.parse([...rows])
    },
    flows: (from) => flowsSince(sql, from),
    async sent(spans) {
      if (spans.length === 0) return []
      const bySpan = Map.groupBy(SentDispatches.parse([...(await sentQuery(sql, spans))]), ({ n }) => n)
      return spans.map((_, n) => {
        const found = bySpan.get(n) ?? []
        return found.length > MOST_SENT ? [] : found
      })
    },
  }
}

/** The statement of a page, so that a test can look at its plan. */
export function dispatchesQuery(
  sql: Sql,
  { provider_id: provider, policy, source, asked_model: asked, request_id: request, limit }: PageWanted,
  after: PageEnd | null,
): PendingQuery<Row[]> {
  return sql`
    select ${sql([...COLUMNS])} from route_dispatches
    where true
      ${provider === undefined ? sql`` : sql`and provider_id = ${provider}`}
      ${policy === undefined ? sql`` : sql`and policy = ${policy}`}
      ${source === undefined ? sql`` : sql`and source = ${source}`}
      ${asked === undefined ? sql`` : sql`and asked_model = ${asked}`}
      ${request === undefined ? sql`` : sql`and request_id = ${request}`}
      ${after === null ? sql`` : sql`and ts <= ${after.ts} and (ts, id) < (${after.ts}, ${after.id})`}
    order by ts desc, id desc limit ${limit}`
}

/** The statement, so that a test can look at its plan. */
export function sentQuery(sql: Sql, spans: readonly HostSpan[]): PendingQuery<Row[]> {
  const asked = spans.map(({ host, fromMs, toMs }, n) => ({
    ...{ n, host, from: instantOf(fromMs), to: instantOf(toMs) },
  }))
  // The limit also has each span looked up by itself: together they may be anything from a minute to months.
  return sql`
    select s.n, d.* from json_to_recordset(${sql.json(asked)}::json)
      as s(n integer, host text, "from" timestamptz, "to" timestamptz)
    cross join lateral (
      select request_id, source, model, path, status_code as status, duration_ms as "durationMs",
        (extract(epoch from ts) * 1000)::float8 as "endedAtMs", client_ip, user_agent, session_id
      from route_dispatches
      where provider_id = s.host and ts >= s."from" and ts < s."to"
        and path is not null and duration_ms is not null and model is not null and request_id is not null
      limit ${MOST_SENT + 1}) d`
}
