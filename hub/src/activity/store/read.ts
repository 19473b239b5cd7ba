import { ActivityRow } from "@boocontrol/shared/activity"
import type { ActivityFilters } from "@boocontrol/shared/http"
import type { HostId } from "@boocontrol/shared/ids"
import { ResumeReply } from "@boocontrol/shared/resume"
import type { Instant } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import type { PageEnd } from "../cursor.ts"
import { idsBeginningWith } from "../request-id.ts"
import type { RequestIdentity } from "../request-id.ts"
import { ROW_COLUMNS } from "./write.ts"

type Fragment = PendingQuery<Row[]>

const ActivityRows = z.array(ActivityRow)

export interface PageWanted {
  filters: ActivityFilters
  after: PageEnd | null
  limit: number
}

/** Newest first by (ts, id). */
export async function listRequests(sql: Sql, wanted: PageWanted): Promise<ActivityRow[]> {
  return ActivityRows.parse([...(await pageQuery(sql, wanted))])
}

/** The statement of a page, so that a test can look at its plan. */
export function pageQuery(sql: Sql, { filters, after, limit }: PageWanted): Fragment {
  // `ts <=` says nothing new, but by it whole partitions are left out.
  const rest = after === null ? sql`` : sql`and ts <= ${after.ts} and (ts, id) < (${after.ts}, ${after.id})`
  return sql`
    select ${sql(ROW_COLUMNS)} from control_requests
    where ${matching(sql, filters)} ${rest}
    order by ts desc, id desc
    limit ${limit}`
}

/** What filters ask of a row of requests, or of sums of them, which say in `failed` whether these ended badly. */
export function matching(sql: Sql, filters: ActivityFilters, failed?: "failed"): Fragment {
  const outcome = failed === undefined ? statusIs : summedStatusIs
  const { provider_id, model, source, status, from, to, q } = filters
  const conditions = [
    oneOf(sql, "provider_id", provider_id),
    oneOf(sql, "model", model),
    oneOf(sql, "source", source),
    status &&
      anyOf(
        sql,
        status.map((given) => outcome(sql, given)),
      ),
    from && sql`ts >= ${from}`,
    to && sql`ts < ${to}`,
    q && containing(sql, q),
  ]
  return conditions
    .filter((condition) => condition instanceof Promise)
    .reduce((all, condition) => sql`${all} and ${condition}`, sql`true`)
}

function oneOf(sql: Sql, column: string, values: readonly string[] | undefined): Fragment | undefined {
  if (!values) return undefined
  // A plain comparison keeps the order of the index: no sort.
  return values.length === 1
    ? sql`${sql(column)} = ${values[0] ?? ""}`
    : sql`${sql(column)} = any(${[...values]}::text[])`
}

function statusIs(sql: Sql, status: string): Fragment {
  if (status === "error") return sql`(status_code >= 400 or error is not null)`
  if (status === "ok") return sql`(status_code < 400 and error is null)`
  return sql`status_code = ${Number(status)}`
}

function summedStatusIs(sql: Sql, status: string): Fragment {
  if (status === "error") return sql`failed`
  if (status === "ok") return sql`(status_code < 400 and not failed)`
  return statusIs(sql, status)
}

function anyOf(sql: Sql, conditions: readonly Fragment[]): Fragment {
  return sql`(${conditions.reduce((all, condition) => sql`${all} or ${condition}`)})`
}

/** One expression over all columns that are looked in: there is an index of exactly this one. */
function containing(sql: Sql, text: string): Fragment {
  const pattern = `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
  const found = sql`
    control_request_text(model, source, req_path, error, request_id, session_id, provider_id) ilike ${pattern}`
  const ids = idsBeginningWith(text)
  if (ids === null) return found
  // The times say nothing new, but by them there is an index for it.
  const { first, last } = ids
  return sql`(${found} or (ts between ${first.ts} and ${last.ts} and id between ${first.id} and ${last.id}))`
}

/** The stored rows of these identities. */
export async function findRequests(sql: Sql, identities: readonly RequestIdentity[]): Promise<ActivityRow[]> {
  const wanted = identities.map(({ provider_id, swap_epoch, swap_entry_id, ts }) => ({
    ...{ provider_id, swap_epoch, swap_entry_id, ts },
  }))
  const columns = ROW_COLUMNS.map((column) => `t.${column}`).join(", ")
  const rows = await sql`
    select ${sql.unsafe(columns)} from control_requests t
    join json_to_recordset(${sql.json(wanted)}::json)
      as r(provider_id text, swap_epoch uuid, swap_entry_id bigint, ts timestamptz)
      using (provider_id, swap_epoch, swap_entry_id, ts)`
  return ActivityRows.parse([...rows])
}

/**
 * Where a host's sidecar may go on: the last entry of the epoch that the newest row belongs to. The engine's clock
 * may have jumped within an epoch, so its last entry is not always its newest time.
 */
export async function newestRequest(sql: Sql, host: HostId): Promise<ResumeReply["row"]> {
  const [row] = await sql`
    select swap_epoch, swap_entry_id, ts, model, duration_ms from control_requests
    where provider_id = ${host} and swap_epoch = (
      select swap_epoch from control_requests
      where provider_id = ${host}
        and ts = (select ts from control_requests where provider_id = ${host} order by ts desc limit 1)
      order by created_at desc limit 1)
    order by swap_entry_id desc limit 1`
  return ResumeReply.shape.row.parse(row ?? null)
}

/** All matching rows, newest first, a page at a time: no transaction stays open for a slow reader. */
export async function* exportRequests(sql: Sql, filters: ActivityFilters): AsyncGenerator<ActivityRow[]> {
  const limit = 1000
  let after: PageEnd | null = null
  for (;;) {
    const rows: ActivityRow[] = await listRequests(sql, { filters, after, limit })
    if (rows.length > 0) yield rows
    const last = rows.at(-1)
    if (rows.length < limit || last === undefined) return
    after = last
  }
}

/** Filters of the last 24 hours where no time is given. */
export function lastDay(
  filters: ActivityFilters,
  now: Instant,
  dayAgo: Instant,
): ActivityFilters & { from: Instant; to: Instant } {
  return { ...filters, from: filters.from ?? dayAgo, to: filters.to ?? now }
}
