import type { HostId } from "@boocontrol/shared/ids"
import { CompletenessRow } from "@boocontrol/shared/retention"
import type { CompletenessToday } from "@boocontrol/shared/retention"
import { Instant, instantOf } from "@boocontrol/shared/time"
import * as z from "zod/mini"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import { expectedSeconds, gapOfNote, gapsOfDay, percentOf } from "../core/completeness.ts"
import type { Gap } from "../core/completeness.ts"
import { DAY_MS, slotOf } from "../core/partitions.ts"

/** `2026-11-22`. */
export type Day = string

// A type and not an interface, because only that is a JSON value to the compiler.
export type HostDay = {
  provider_id: string
  day: Day
}

export function dayText(epochMs: number): Day {
  return instantOf(epochMs).slice(0, 10)
}

function spanOf(day: Day): { fromMs: number; toMs: number } {
  return slotOf("day", Date.parse(`${day}T00:00:00Z`))
}

/** Days with a figure; the newest of them. Null: none has one yet. */
export async function newestDay(sql: Sql): Promise<Day | null> {
  const [row] = await sql<{ day: Day | null }[]>`select max(day)::text as day from control_completeness`
  return row?.day ?? null
}

export interface DaysWanted {
  /** Days that are computed whether marked or not. */
  always: readonly HostDay[]
  /** Since when each host is known. */
  knownFromMs: ReadonlyMap<string, number>
  nowMs: number
}

const MARKS_AT_ONCE = 2_000

/** Computes days that were marked, and some in any case. Resolves to how many. */
export async function computeDays(sql: Sql, { always, knownFromMs, nowMs }: DaysWanted): Promise<number> {
  return await sql.begin(async (tx) => {
    const marked = await takeMarks(tx)
    const wanted = new Map([...always, ...marked].map((one) => [`${one.provider_id} ${one.day}`, one]))
    if (wanted.size === 0) return 0
    const gaps = await gapsSince(tx, [...wanted.values()])
    // A note stands on the day it was written; the gap may have begun days before.
    for (const { provider_id, day } of marked) {
      for (const gap of gaps.get(provider_id) ?? []) {
        if (dayText(gap.toMs) !== day && dayText(gap.notedMs) !== day) continue
        for (const touched of daysOf(gap))
          wanted.set(`${provider_id} ${touched}`, { provider_id, day: touched })
      }
    }
    const days = [...wanted.values()].sort((a, b) =>
      `${a.provider_id} ${a.day}` < `${b.provider_id} ${b.day}` ? -1 : 1,
    )
    const present = await presentSeconds(tx, days, { knownFromMs, nowMs })
    const pauses = await pausesSince(tx, days)
    const rows = days.map(({ provider_id, day }) => {
      const knownMs = knownFromMs.get(provider_id)
      const found = present.get(`${provider_id} ${day}`)
      const { gaps: number, gapS } = gapsOfDay(gaps.get(provider_id) ?? [], spanOf(day))
      return {
        ...{ provider_id, day, gaps: number, gap_s: gapS },
        expected_s:
          knownMs === undefined
            ? null
            : expectedSeconds(spanOf(day), {
                knownFromMs: knownMs,
                nowMs,
                pauses: pauses.get(provider_id) ?? [],
              }),
        present_s: found?.seconds ?? 0,
        backfilled: found?.backfilled ?? 0,
      }
    })
    await tx`
      insert into control_completeness as c
        (provider_id, day, expected_s, present_s, backfilled, gaps, gap_s, computed_at)
      select provider_id, day, expected_s, present_s, backfilled, gaps, gap_s, ${instantOf(nowMs)}
      from json_to_recordset(${tx.json(rows)}::json) as r(provider_id text, day date, expected_s integer,
        present_s integer, backfilled integer, gaps integer, gap_s integer)
      on conflict (provider_id, day) do update set
        expected_s = coalesce(excluded.expected_s, c.expected_s),
        present_s = greatest(excluded.present_s, c.present_s), backfilled = greatest(excluded.backfilled, c.backfilled),
        gaps = excluded.gaps, gap_s = excluded.gap_s, computed_at = excluded.computed_at`
    return rows.length
  })
}

async function takeMarks(tx: TransactionSql): Promise<HostDay[]> {
  return await tx<HostDay[]>`
    delete from control_dirty_days d
    using (
      select provider_id, day from control_dirty_days order by provider_id, day limit ${MARKS_AT_ONCE}
      for update skip locked
    ) taken
    where d.provider_id = taken.provider_id and d.day = taken.day
    returning d.provider_id, d.day::text as day`
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
// A bucket follows its end by some seconds, one tier after the other. Younger ones are read from the next finer tier.
const COMPUTED_MS = 2 * MINUTE_MS

/**
 * Of the hour that runs the tier of hours is minutes behind: its seconds are counted in finer ones. What was fetched from
 * before a host was known makes up for nothing that is missing since.
 */
async function presentSeconds(
  tx: TransactionSql,
  days: readonly HostDay[],
  { knownFromMs, nowMs }: Pick<DaysWanted, "knownFromMs" | "nowMs">,
): Promise<Map<string, { seconds: number; backfilled: number }>> {
  const startOf = (widthMs: number) => instantOf(Math.floor((nowMs - COMPUTED_MS) / widthMs) * widthMs)
  const hour = startOf(HOUR_MS)
  const fiveMinutes = startOf(5 * MINUTE_MS)
  const minute = startOf(MINUTE_MS)
  const sums = (end: ReturnType<TransactionSql>) => tx`
    coalesce(sum(least(seconds, greatest(0, ceil(extract(epoch from ${end} - d.known_at))::int))), 0) as seconds,
    coalesce(sum(backfilled), 0) as backfilled`
  const ofHours = sums(tx`(h.hour + interval '1 hour')`)
  const known = days.map(({ provider_id, day }) => {
    const knownMs = knownFromMs.get(provider_id)
    return { provider_id, day, known_at: knownMs === undefined ? null : instantOf(knownMs) }
  })
  const rows = await tx<{ provider_id: string; day: Day; seconds: number; backfilled: number }[]>`
    with days as (
      select provider_id, day, day::timestamp at time zone 'UTC' as from_at,
        (day + 1)::timestamp at time zone 'UTC' as to_at, coalesce(known_at, day::timestamp at time zone 'UTC') as known_at
      from json_to_recordset(${tx.json(known)}::json) as r(provider_id text, day date, known_at timestamptz)
    )
    select d.provider_id, d.day::text as day,
      ended.seconds + greatest(running.seconds, finer.seconds) as seconds,
      ended.backfilled + greatest(running.backfilled, finer.backfilled) as backfilled
    from days d
    cross join lateral (
      select ${ofHours} from report_sample_hours h
      where h.provider_id = d.provider_id and h.hour >= d.from_at and h.hour < least(d.to_at, ${hour})) ended
    cross join lateral (
      select ${ofHours} from report_sample_hours h
      where h.provider_id = d.provider_id and h.hour >= greatest(d.from_at, ${hour}) and h.hour < d.to_at) running
    cross join lateral (
      select ${sums(tx`(b.bucket + b.width)`)} from report_sample_buckets b
      where d.to_at > ${hour} and b.provider_id = d.provider_id and b.bucket >= d.from_at and b.bucket < d.to_at and (
        b.tier = '5m' and b.bucket >= ${hour} and b.bucket < ${fiveMinutes}
        or b.tier = '1m' and b.bucket >= ${fiveMinutes} and b.bucket < ${minute}
        or b.tier = '10s' and b.bucket >= ${minute})) finer`
  return new Map(rows.map(({ provider_id, day, ...rest }) => [`${provider_id} ${day}`, rest]))
}

type Pause = { fromMs: number; toMs: number | null }

/** When hosts were disabled, as far as it touches these days. */
async function pausesSince(tx: TransactionSql, days: readonly HostDay[]): Promise<Map<string, Pause[]>> {
  const first = days.map(({ day }) => day).sort()[0] ?? ""
  const rows = await tx<{ provider_id: string; from_at: Instant; to_at: Instant | null }[]>`
    select provider_id, from_at, to_at from control_host_pauses
    where to_at is null or to_at > ${first}::date::timestamp at time zone 'UTC'`
  const pauses = new Map<string, Pause[]>()
  for (const { provider_id, from_at, to_at } of rows) {
    const pause = { fromMs: Date.parse(from_at), toMs: to_at === null ? null : Date.parse(to_at) }
    pauses.set(provider_id, [...(pauses.get(provider_id) ?? []), pause])
  }
  return pauses
}

type NotedGap = Gap & { notedMs: number }

/** A gap is noted when it is over, or half a minute before: what touches a day was noted on it or later. */
async function gapsSince(tx: TransactionSql, days: readonly HostDay[]): Promise<Map<string, NotedGap[]>> {
  const first = days.map(({ day }) => day).sort()[0] ?? ""
  const hosts = [...new Set(days.map(({ provider_id }) => provider_id))]
  const rows = await tx<{ provider_id: string; ts: Instant; detail: unknown }[]>`
    select provider_id, ts, detail from report_activity_gaps
    where ts >= (${first}::date::timestamp at time zone 'UTC') - interval '1 minute' and provider_id = any(${hosts}::text[])
    order by provider_id, ts`
  const gaps = new Map<string, NotedGap[]>()
  for (const { provider_id, ts, detail } of rows) {
    const gap = { ...gapOfNote(ts, detail), notedMs: Date.parse(ts) }
    gaps.set(provider_id, [...(gaps.get(provider_id) ?? []), gap])
  }
  return gaps
}

// A note with a wild beginning must not make rows for a century.
const MOST_DAYS = 400

function daysOf({ fromMs, toMs }: Gap): Day[] {
  const startMs = Math.max(fromMs ?? toMs, toMs - MOST_DAYS * DAY_MS)
  const days: Day[] = []
  for (let atMs = slotOf("day", startMs).fromMs; atMs <= toMs; atMs += DAY_MS) days.push(dayText(atMs))
  return days
}

const StoredRow = z.omit(CompletenessRow, { percent: true })

export interface CompletenessWanted {
  host: HostId | undefined
  /** Days, the first and the last. */
  from: Day
  to: Day
  after: HostDay | null
  limit: number
}

/** Newest day first, then by host. */
export async function listCompleteness(sql: Sql, wanted: CompletenessWanted): Promise<CompletenessRow[]> {
  const { host, from, to, after, limit } = wanted
  const rows = await sql`
    select provider_id, day::text as day, expected_s, present_s, backfilled, gaps, gap_s, computed_at
    from control_completeness
    where day >= ${from}::date and day <= ${to}::date
      ${host === undefined ? sql`` : sql`and provider_id = ${host}`}
      ${after === null ? sql`` : sql`and (day < ${after.day}::date or (day = ${after.day}::date and provider_id > ${after.provider_id}))`}
    order by day desc, provider_id
    limit ${limit}`
  return rows.map((row) => {
    const stored = StoredRow.parse(row)
    return { ...stored, percent: percentOf(stored.expected_s, stored.present_s) }
  })
}

const Sums = z.object({
  hosts: z.int(),
  expected_s: z.nullable(z.int()),
  present_s: z.nullable(z.int()),
  gaps: z.int(),
  at: z.nullable(Instant),
})

/** All hosts of today together. */
export async function completenessToday(sql: Sql, nowMs: number): Promise<CompletenessToday> {
  const day = dayText(nowMs)
  const [row] = await sql`
    select count(*) as hosts, sum(expected_s) as expected_s, sum(least(present_s, expected_s)) as present_s,
      coalesce(sum(gaps), 0) as gaps, max(computed_at) as at
    from control_completeness where day = ${day}::date and expected_s is not null`
  const { hosts, expected_s, present_s, gaps, at } = Sums.parse(row)
  return { day, hosts, percent: percentOf(expected_s, present_s ?? 0), gaps, at: at ?? instantOf(nowMs) }
}
