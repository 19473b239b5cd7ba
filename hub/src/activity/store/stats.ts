import { ActivityStatsRow } from "@boocontrol/shared/activity"
import type { ActivityFilters } from "@boocontrol/shared/http"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import * as z from "zod/mini"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import { matching } from "./read.ts"

type Fragment = PendingQuery<Row[]>

const HOUR_MS = 3_600_000
/** Hours summed up in one transaction: small enough that those who insert never wait long for a mark. */
const BATCH = 500

/** What is summed up of each group of requests. Numeric, so that hours merge exactly. */
const SUMS = `
  count(*)::int as requests,
  sum(prompt_tokens)::bigint as prompt_tokens,
  sum(cache_tokens)::bigint as cache_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(gen_tps::numeric) as gen_tps_sum, count(gen_tps)::int as gen_tps_count,
  sum(prompt_tps::numeric) as prompt_tps_sum, count(prompt_tps)::int as prompt_tps_count,
  sum(duration_ms::numeric) as duration_ms_sum, count(duration_ms)::int as duration_ms_count`
const SUMMED = `requests, prompt_tokens, cache_tokens, output_tokens, gen_tps_sum, gen_tps_count, prompt_tps_sum,
  prompt_tps_count, duration_ms_sum, duration_ms_count`
const FAILED = "(coalesce(status_code >= 400, false) or error is not null)"

type Mark = { provider_id: string; hour: Instant }

/**
 * Sums up hours that are over and whose rows changed. Resolves to how many it took. Several hubs may do this at
 * once: each takes other hours. Doing it again gives the same rows.
 */
export async function sumUpHours(sql: Sql, nowMs: number): Promise<number> {
  return await sql.begin(async (tx) => {
    const marks = await takeMarks(tx, nowMs)
    await sumUp(tx, marks)
    return marks.length
  })
}

// The hour that runs is read from its rows anyway. Of a clock that is ahead it is summed up before it is over.
const SETTLE_MS = 60_000

async function takeMarks(tx: TransactionSql, nowMs: number): Promise<Mark[]> {
  return await tx<Mark[]>`
    delete from control_dirty_request_hours d
    using (
      select hour, provider_id from control_dirty_request_hours
      where hour <= ${instantOf(nowMs - HOUR_MS - SETTLE_MS)} or marked_at <= clock_timestamp() - interval '2 hours'
      order by hour, provider_id limit ${BATCH}
      for update skip locked
    ) taken
    where d.hour = taken.hour and d.provider_id = taken.provider_id
    returning d.provider_id, d.hour`
}

// All in one statement: planned once over all partitions, of which the bounds on time leave the few that matter.
async function sumUp(tx: TransactionSql, marks: readonly Mark[]): Promise<void> {
  const hours = marks.map(({ hour }) => hour).sort()
  const [first] = hours
  const last = hours.at(-1)
  if (first === undefined || last === undefined) return
  const end = instantOf(epochMsOf(last) + HOUR_MS)
  const list = tx`json_to_recordset(${tx.json([...marks])}::json) as m(provider_id text, hour timestamptz)`
  // Requests are only ever added. Fewer than before means that part of them was dropped by retention since.
  await tx`
    with sums as (
      select m.hour, m.provider_id, model, source, status_code, ${tx.unsafe(FAILED)} as failed, ${tx.unsafe(SUMS)}
      from ${list} join control_requests r
        on r.provider_id = m.provider_id and r.ts >= m.hour and r.ts < m.hour + interval '1 hour'
      where r.ts >= ${first} and r.ts < ${end}
      group by 1, 2, 3, 4, 5, 6
    ), known as (
      select s.hour, s.provider_id, sum(s.requests) as requests
      from ${list} join control_request_stats s on s.provider_id = m.provider_id and s.hour = m.hour
      where s.hour >= ${first} and s.hour < ${end}
      group by 1, 2
    ), fresh as (
      select hour, provider_id from sums left join known k using (hour, provider_id)
      group by hour, provider_id, k.requests having sum(sums.requests) >= coalesce(k.requests, 0)
    ), gone as (
      delete from control_request_stats s using fresh f
      where s.hour = f.hour and s.provider_id = f.provider_id and s.hour >= ${first} and s.hour < ${end}
    )
    insert into control_request_stats (hour, provider_id, model, source, status_code, failed, ${tx.unsafe(SUMMED)})
    select hour, provider_id, model, source, status_code, failed, ${tx.unsafe(SUMMED)}
    from sums join fresh using (hour, provider_id)
    order by hour, provider_id, model, source, status_code, failed`
}

export type StatsWanted = ActivityFilters & { from: Instant; to: Instant }

const Rows = z.array(ActivityStatsRow)

/** One row per host, source and model, the busiest first. Means are over the requests that have the figure. */
export async function requestStats(sql: Sql, wanted: StatsWanted): Promise<ActivityStatsRow[]> {
  return Rows.parse([...(await statsQuery(sql, wanted))])
}

/** The statement, so that a test can look at its plan. */
export function statsQuery(sql: Sql, wanted: StatsWanted): Fragment {
  const parts = partsOf(sql, wanted).reduce((all, part) => sql`${all} union all ${part}`)
  return sql`
    select provider_id, model, source,
      sum(requests)::bigint as requests,
      coalesce(sum(requests) filter (where failed), 0)::bigint as errors,
      sum(prompt_tokens)::bigint as prompt_tokens,
      sum(cache_tokens)::bigint as cache_tokens,
      sum(output_tokens)::bigint as output_tokens,
      (sum(gen_tps_sum) / nullif(sum(gen_tps_count), 0))::float8 as gen_tps_mean,
      (sum(prompt_tps_sum) / nullif(sum(prompt_tps_count), 0))::float8 as prompt_tps_mean,
      (sum(duration_ms_sum) / nullif(sum(duration_ms_count), 0))::float8 as duration_ms_mean
    from (${parts}) p
    group by provider_id, model, source
    order by requests desc, provider_id, model, source`
}

/**
 * Whole hours come from their sums; what is cut at either end comes from rows, and so do hours whose sums are not
 * up to date. All of it is one statement, which sees one moment. A text is looked for in rows alone.
 */
function partsOf(sql: Sql, wanted: StatsWanted): Fragment[] {
  const fromMs = epochMsOf(wanted.from)
  const toMs = epochMsOf(wanted.to)
  const firstMs = Math.ceil(fromMs / HOUR_MS) * HOUR_MS
  const lastMs = Math.floor(toMs / HOUR_MS) * HOUR_MS
  const { from: _from, to: _to, ...filters } = wanted
  if (filters.q !== undefined || firstMs >= lastMs) return [ofRows(sql, filters, wanted)]
  const [first, last] = [instantOf(firstMs), instantOf(lastMs)]
  const parts = [
    ofHours(sql, filters, { from: first, to: last }),
    ofDirtyHours(sql, filters, { from: first, to: last }),
  ]
  if (fromMs < firstMs) parts.push(ofRows(sql, filters, { from: wanted.from, to: first }))
  if (lastMs < toMs) parts.push(ofRows(sql, filters, { from: last, to: wanted.to }))
  return parts
}

interface Range {
  from: Instant
  to: Instant
}

function ofRows(sql: Sql, filters: ActivityFilters, { from, to }: Range): Fragment {
  return sql`
    select provider_id, model, source, ${sql.unsafe(FAILED)} as failed, ${sql.unsafe(SUMS)}
    from control_requests
    where ${matching(sql, { ...filters, from, to })}
    group by 1, 2, 3, 4`
}

// The bounds on the rows say nothing new, but by them whole partitions are left out.
function ofDirtyHours(sql: Sql, filters: ActivityFilters, { from, to }: Range): Fragment {
  return sql`
    select provider_id, model, source, ${sql.unsafe(FAILED)} as failed, ${sql.unsafe(SUMS)}
    from control_dirty_request_hours d cross join lateral (
      select provider_id as host, model, source, status_code, error, prompt_tokens, cache_tokens, output_tokens,
        gen_tps, prompt_tps, duration_ms
      from control_requests
      where provider_id = d.provider_id and ts >= d.hour and ts < d.hour + interval '1 hour'
        and ${matching(sql, { ...filters, from, to })}) r
    where d.hour >= ${from} and d.hour < ${to}
    group by 1, 2, 3, 4`
}

function ofHours(sql: Sql, filters: ActivityFilters, { from, to }: Range): Fragment {
  return sql`
    select provider_id, model, source, failed, ${sql.unsafe(SUMMED)}
    from control_request_stats s
    where hour >= ${from} and hour < ${to} and ${matching(sql, filters, "failed")}
      and not exists (
        select from control_dirty_request_hours d where d.provider_id = s.provider_id and d.hour = s.hour)`
}
