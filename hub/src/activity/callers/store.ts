import { ActivityRow } from "@boocontrol/shared/activity"
import { HostId } from "@boocontrol/shared/ids"
import { Instant, instantOf } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import type { FoundCaller } from "../core.ts"
import { MOST_OF_A_SPAN } from "./core.ts"
import type { TimesOfHost } from "../ports.ts"
import { fillCallers, lockHosts } from "../store/write.ts"

const ClaimedMark = z.object({
  span: Instant,
  provider_id: HostId,
  of_rows: z.boolean(),
  /** When it was marked, exactly as Postgres has it. */
  marked: z.string(),
})
export type ClaimedMark = z.infer<typeof ClaimedMark>
const ClaimedMarks = z.array(ClaimedMark)

/** One look at so many spans takes some ten milliseconds of Postgres. */
const BATCH = 50

/**
 * Spans in which nothing was stored for so long. A hub has them for a minute; if it dies meanwhile, another one takes
 * them.
 */
export async function claimMarks(sql: Sql, settleMs: number): Promise<ClaimedMark[]> {
  const rows = await sql`
    update control_dirty_callers d set claimed_until = clock_timestamp() + interval '1 minute'
    from (
      select span, provider_id, of_rows from control_dirty_callers
      where marked_at <= clock_timestamp() - ${settleMs} * interval '1 ms'
        and (claimed_until is null or claimed_until < clock_timestamp())
      order by span, provider_id, of_rows limit ${BATCH}
      for update skip locked
    ) ready
    where d.span = ready.span and d.provider_id = ready.provider_id and d.of_rows = ready.of_rows
    returning d.span, d.provider_id, d.of_rows, d.marked_at::text as marked`
  return ClaimedMarks.parse([...rows])
}

/** What was marked anew meanwhile, or is being marked, stays. */
export async function settleMarks(sql: Sql, marks: readonly ClaimedMark[]): Promise<void> {
  await sql`
    delete from control_dirty_callers d
    using (
      select c.span, c.provider_id, c.of_rows
      from json_to_recordset(${sql.json([...marks])}::json)
        as m(span timestamptz, provider_id text, of_rows boolean, marked text)
      join control_dirty_callers c using (span, provider_id, of_rows)
      where c.marked_at = m.marked::timestamptz
      for update of c skip locked
    ) done
    where d.span = done.span and d.provider_id = done.provider_id and d.of_rows = done.of_rows`
}

const StoredRow = z.extend(
  z.pick(ActivityRow, {
    ...{ id: true, ts: true, model: true, req_path: true, status_code: true, duration_ms: true },
    ...{ source: true, request_id: true, client_ip: true, user_agent: true, session_id: true },
    attribution: true,
  }),
  {
    n: z.int(),
    /** Stored long enough ago that what ended with it is there as well. */
    settled: z.boolean(),
  },
)
export type StoredRow = z.infer<typeof StoredRow>
const StoredRows = z.array(StoredRow)

/** Of each span the rows that ended in it, by the clock of their host: none of one that has more than can be told apart. */
export async function rowsOf(
  sql: Sql,
  spans: readonly TimesOfHost[],
  settleMs: number,
): Promise<StoredRow[][]> {
  const rows = StoredRows.parse([...(await rowsQuery(sql, spans, settleMs))])
  const bySpan = Map.groupBy(rows, ({ n }) => n)
  return spans.map((_, n) => {
    const found = bySpan.get(n) ?? []
    return found.length > MOST_OF_A_SPAN ? [] : found
  })
}

/** The statement, so that a test can look at its plan. */
export function rowsQuery(sql: Sql, spans: readonly TimesOfHost[], settleMs: number): PendingQuery<Row[]> {
  const asked = spans.map(({ host, fromMs, toMs }, n) => ({
    ...{ n, host, from: instantOf(fromMs), to: instantOf(toMs) },
  }))
  // The limit also has each span looked up by itself: together they may be anything from a minute to months.
  return sql`
    select s.n, r.* from json_to_recordset(${sql.json(asked)}::json)
      as s(n integer, host text, "from" timestamptz, "to" timestamptz)
    cross join lateral (
      select id, ts, model, req_path, status_code, duration_ms, source, request_id, client_ip, user_agent, session_id,
        attribution, created_at <= clock_timestamp() - ${settleMs} * interval '1 ms' as settled
      from control_requests
      where provider_id = s.host and ts >= s."from" and ts < s."to"
      limit ${MOST_OF_A_SPAN + 1}) r`
}

export type NamedRow = FoundCaller & Pick<ActivityRow, "id" | "ts" | "provider_id">

/** Resolves to the rows that this changed. */
export async function storeNames(sql: Sql, names: readonly NamedRow[]): Promise<ActivityRow[]> {
  const hosts = [...new Set(names.map(({ provider_id }) => provider_id))].sort()
  return await sql.begin(async (tx) => {
    await lockHosts(tx, hosts)
    return await fillCallers(tx, names)
  })
}
