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

/** Sums that hours add up to, the longest first. All are of stretches of UTC, aligned to its days. */
export const LONGER_SUMS = [
  {
    ...{ table: "control_request_days", column: "day", marks: "control_dirty_request_days" },
    ...{ width: "24 hours", widthMs: DAY_MS },
  },
  {
    ...{ table: "control_request_quarters", column: "quarter", marks: "control_dirty_request_quarters" },
    ...{ width: "6 hours", widthMs: 6 * HOUR_MS },
  },
] as const
export type LongerSum = (typeof LONGER_SUMS)[number]

/**
 * Whole days come from their sums, quarters of days beside them from theirs, hours beside those from theirs; what is cut
 * at either end comes from rows. A sum that is not up to date comes from its hours, an hour from its rows. All of it is
 * one statement, which sees one moment. A text is looked for in rows alone.
 */
function partsOf(sql: Sql, wanted: StatsWanted): Fragment[] {
  const fromMs = epochMsOf(wanted.from)
  const toMs = epochMsOf(wanted.to)
  const hours = { fromMs: Math.ceil(fromMs / HOUR_MS) * HOUR_MS, toMs: Math.floor(toMs / HOUR_MS) * HOUR_MS }
  const { from: _from, to: _to, ...filters } = wanted
  if (filters.q !== undefined || hours.fromMs >= hours.toMs) return [ofRows(sql, filters, wanted)]
  const [first, last] = [instantOf(hours.fromMs), instantOf(hours.toMs)]
  const parts = [ofDirtyHours(sql, filters, { from: first, to: last })]
  let left = [hours]
  for (const longer of LONGER_SUMS) {
    const whole = left.flatMap((span) => wholeOf(span, longer.widthMs) ?? [])
    if (whole.length === 0) continue
    parts.push(ofLonger(sql, filters, { longer, spans: whole }))
    parts.push(ofHoursOfDirty(sql, filters, { longer, spans: whole }))
    left = left.flatMap((span) => besides(span, wholeOf(span, longer.widthMs)))
  }
  if (left.length > 0) parts.push(ofHours(sql, filters, left))
  if (fromMs < hours.fromMs) parts.push(ofRows(sql, filters, { from: wanted.from, to: first }))
  if (hours.toMs < toMs) parts.push(ofRows(sql, filters, { from: last, to: wanted.to }))
  return parts
}

interface Span {
  fromMs: number
  toMs: number
}

/** The longest part of a span that is whole stretches; null: there is none. */
function wholeOf({ fromMs, toMs }: Span, widthMs: number): Span | null {
  const whole = {
    fromMs: Math.ceil(fromMs / widthMs) * widthMs,
    toMs: Math.floor(toMs / widthMs) * widthMs,
  }
  return whole.fromMs < whole.toMs ? whole : null
}

/** What is left of a span on either side of a part of it. */
function besides(span: Span, part: Span | null): Span[] {
  if (part === null) return [span]
  return [
    { fromMs: span.fromMs, toMs: part.fromMs },
    { fromMs: part.toMs, toMs: span.toMs },
  ].filter(({ fromMs, toMs }) => fromMs < toMs)
}

/** That a column is within one of some spans. */
function within(sql: Sql, column: string, spans: readonly Span[]): Fragment {
  const each = spans.map(
    ({ fromMs, toMs }) => sql`${sql(column)} >= ${instantOf(fromMs)} and ${sql(column)} < ${instantOf(toMs)}`,
  )
  return sql`(${each.reduce((all, one) => sql`${all} or ${one}`)})`
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

function ofHours(sql: Sql, filters: ActivityFilters, spans: readonly Span[]): Fragment {
  return sql`
    select provider_id, model, source, failed, ${sql.unsafe(SUMMED)}
    from control_request_stats s
    where ${within(sql, "hour", spans)} and ${matching(sql, filters, "failed")}
      and not exists (
        select from control_dirty_request_hours d where d.provider_id = s.provider_id and d.hour = s.hour)`
}

interface LongerSpans {
  longer: LongerSum
  spans: readonly Span[]
}

function ofLonger(sql: Sql, filters: ActivityFilters, { longer, spans }: LongerSpans): Fragment {
  const { table, column } = longer
  return sql`
    select provider_id, model, source, failed, ${sql.unsafe(SUMMED)}
    from ${sql(table)} s
    where ${within(sql, column, spans)} and ${matching(sql, filters, "failed")}
      and not exists (
        select from ${dirty(sql, { longer, spans })} d
        where d.provider_id = s.provider_id and d.stretch = s.${sql(column)})`
}

function ofHoursOfDirty(sql: Sql, filters: ActivityFilters, { longer, spans }: LongerSpans): Fragment {
  return sql`
    select provider_id, model, source, failed, ${sql.unsafe(SUMMED)}
    from control_request_stats s
    where ${within(sql, "hour", spans)} and ${matching(sql, filters, "failed")}
      and (provider_id, ${stretchOf(sql, longer)}) in (
        select provider_id, stretch from ${dirty(sql, { longer, spans })} d)
      and not exists (
        select from control_dirty_request_hours d where d.provider_id = s.provider_id and d.hour = s.hour)`
}

/** Stretches of which hours, or rows of hours, changed since they were added up. */
function dirty(sql: Sql, { longer, spans }: LongerSpans): Fragment {
  const { column, marks } = longer
  return sql`(
    select provider_id, ${sql(column)} as stretch from ${sql(marks)} where ${within(sql, column, spans)}
    union
    select provider_id, ${stretchOf(sql, longer)} from control_dirty_request_hours where ${within(sql, "hour", spans)})`
}

/** The stretch that an hour is part of. */
function stretchOf(sql: Sql, { width }: LongerSum): Fragment {
  return sql`date_bin(${width}::interval, hour, '2000-01-01T00:00Z')`
}
