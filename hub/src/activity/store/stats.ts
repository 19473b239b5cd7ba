import { ActivityStatsRow } from "@boocontrol/shared/activity"
import type { SummedRow } from "../costs.ts"
import type { ActivityFilters } from "@boocontrol/shared/http"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import { matching } from "./read.ts"

type Fragment = PendingQuery<Row[]>

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Sums of the hours and the days, beside their keys. */
export const SUMMED = `requests, prompt_tokens, cache_tokens, output_tokens, gen_tps_millionths, gen_tps_count,
  prompt_tps_millionths, prompt_tps_count, duration_us, duration_count`

/**
 * What is summed up of each group of requests. Whole numbers, so that hours merge exactly in whatever order, and fast;
 * each row's are bounded, so that no sum overflows.
 */
export const SUMS = [
  "count(*)::int as requests",
  ...["prompt_tokens", "cache_tokens", "output_tokens"].map(
    (column) => `sum(${column})::bigint as ${column}`,
  ),
  `sum(${whole("gen_tps", 1e6)})::bigint as gen_tps_millionths, count(gen_tps)::int as gen_tps_count`,
  `sum(${whole("prompt_tps", 1e6)})::bigint as prompt_tps_millionths, count(prompt_tps)::int as prompt_tps_count`,
  `sum(${whole("duration_ms", 1e3)})::bigint as duration_us, count(duration_ms)::int as duration_count`,
].join(", ")

function whole(column: string, parts: number): string {
  // Not least(), to which null is no number at all.
  return `(case when ${column} > ${1e12 / parts} then 1e12 else ${column} * ${parts} end)::bigint`
}

export const FAILED = "(coalesce(status_code >= 400, false) or error is not null)"

export type StatsWanted = ActivityFilters & { from: Instant; to: Instant }

const Rows = z.array(z.omit(ActivityStatsRow, { energy_wh: true, cost: true }))

/** One row per host, source and model, the busiest first. Means are over the requests that have the figure. */
export async function requestStats(sql: Sql, wanted: StatsWanted): Promise<SummedRow[]> {
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
      (sum(gen_tps_millionths) / nullif(sum(gen_tps_count) * 1000000, 0))::float8 as gen_tps_mean,
      (sum(prompt_tps_millionths) / nullif(sum(prompt_tps_count) * 1000000, 0))::float8 as prompt_tps_mean,
      (sum(duration_us) / nullif(sum(duration_count) * 1000, 0))::float8 as duration_ms_mean
    from (${parts}) p
    group by provider_id, model, source
    order by requests desc, provider_id, model, source`
}

/**
 * Whole days come from their sums, the hours beside them from theirs; what is cut at either end comes from rows. A day
 * whose sums are not up to date comes from its hours, an hour from its rows. All of it is one statement, which sees
 * one moment. A text is looked for in rows alone.
 */
function partsOf(sql: Sql, wanted: StatsWanted): Fragment[] {
  const fromMs = epochMsOf(wanted.from)
  const toMs = epochMsOf(wanted.to)
  const firstMs = Math.ceil(fromMs / HOUR_MS) * HOUR_MS
  const lastMs = Math.floor(toMs / HOUR_MS) * HOUR_MS
  const { from: _from, to: _to, ...filters } = wanted
  if (filters.q !== undefined || firstMs >= lastMs) return [ofRows(sql, filters, wanted)]
  const [first, last] = [instantOf(firstMs), instantOf(lastMs)]
  const firstDayMs = Math.ceil(firstMs / DAY_MS) * DAY_MS
  const lastDayMs = Math.floor(lastMs / DAY_MS) * DAY_MS
  const parts = [ofDirtyHours(sql, filters, { from: first, to: last })]
  if (firstDayMs >= lastDayMs) parts.push(ofHours(sql, filters, { from: first, to: last }))
  else {
    const days = { from: instantOf(firstDayMs), to: instantOf(lastDayMs) }
    parts.push(ofDays(sql, filters, days), ofHoursOfDirtyDays(sql, filters, days))
    if (firstMs < firstDayMs) parts.push(ofHours(sql, filters, { from: first, to: days.from }))
    if (lastDayMs < lastMs) parts.push(ofHours(sql, filters, { from: days.to, to: last }))
  }
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

function ofDays(sql: Sql, filters: ActivityFilters, { from, to }: Range): Fragment {
  return sql`
    select provider_id, model, source, failed, ${sql.unsafe(SUMMED)}
    from control_request_days s
    where day >= ${from} and day < ${to} and ${matching(sql, filters, "failed")}
      and not exists (
        select from ${dirtyDays(sql, { from, to })} d where d.provider_id = s.provider_id and d.day = s.day)`
}

function ofHoursOfDirtyDays(sql: Sql, filters: ActivityFilters, { from, to }: Range): Fragment {
  return sql`
    select provider_id, model, source, failed, ${sql.unsafe(SUMMED)}
    from control_request_stats s
    where hour >= ${from} and hour < ${to} and ${matching(sql, filters, "failed")}
      and (provider_id, date_trunc('day', hour, 'UTC')) in (select provider_id, day from ${dirtyDays(sql, { from, to })} d)
      and not exists (
        select from control_dirty_request_hours d where d.provider_id = s.provider_id and d.hour = s.hour)`
}

/** Days of which hours, or rows of hours, changed since they were added up. */
function dirtyDays(sql: Sql, { from, to }: Range): Fragment {
  return sql`(
    select provider_id, day from control_dirty_request_days where day >= ${from} and day < ${to}
    union
    select provider_id, date_trunc('day', hour, 'UTC') from control_dirty_request_hours
    where hour >= ${from} and hour < ${to})`
}
