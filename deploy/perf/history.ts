import { HostId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { sumUpAll } from "../../hub/src/activity/store/sums.ts"
import { silentLog } from "../../hub/src/platform/log.ts"
import type { Sql } from "../../hub/src/platform/postgres.ts"
import { slotOf } from "../../hub/src/retention/core/partitions.ts"
import { keptTables } from "../../hub/src/retention/core/tables.ts"
import { createPartition } from "../../hub/src/retention/store/partitions.ts"
import { packSpan } from "../../hub/src/telemetry/pack.ts"
import { PACKED_TIERS } from "../../hub/src/telemetry/core/packing/tables.ts"
import type { PackedTier } from "../../hub/src/telemetry/core/packing/tables.ts"
import { ROLLUPS } from "../../hub/src/telemetry/core/tiers.ts"
import { rollUpAll } from "../../hub/src/telemetry/run.ts"
import { noisyHour } from "./noise.ts"

export interface HistorySize {
  nowMs: number
  days: number
  hosts: number
  requests: number
  /** Hours of samples that are rows still. There are 24 where a hub runs; what is asked for reaches back minutes. */
  rawHours: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MINUTE_MS = 60_000
/** Hosts whose one hour is made sample by sample, aggregated and packed by the hub's own code, and then copied. */
const DONORS = 4
const PACK_AFTER_HOURS = 24

export const RETAIN = {
  perfDays: { raw: 7, "10s": 14, "1m": 400, "5m": 400, "1h": 3650 },
  activityDays: 90,
  eventsDays: 400,
  packAfterHours: PACK_AFTER_HOURS,
}
const TABLES = keptTables(ROLLUPS, RETAIN)

export const host = (n: number): HostId => HostId.parse(`load-${String(n).padStart(4, "0")}`)

/** A history as it would be at this age, written by Postgres itself: what is measured is reading. */
export async function generateHistory(
  sql: Sql,
  size: HistorySize,
  say: (line: string) => void,
): Promise<void> {
  const step = async (what: string, run: () => Promise<unknown>): Promise<void> => {
    const startedAt = performance.now()
    await run()
    say(`  ${what}: ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
  }
  await step("partitions", () => makePartitions(sql, size))
  await step("donors, aggregated and packed", () => makeDonors(sql, size, say))
  for (const tier of PACKED_TIERS) await step(`${tier.tier}, packed`, () => copyPacked(sql, tier, size))
  await step("rows of the last day", () => copyRows(sql, size))
  await step("requests and their sums", () => makeRequests(sql, size))
  await step("vacuum analyze", () => sql`vacuum analyze`)
}

async function makePartitions(sql: Sql, { nowMs, days }: HistorySize): Promise<void> {
  for (const kept of TABLES) {
    // Requests make their own, day by day.
    if (kept.table === "control_requests") continue
    const firstMs = nowMs - Math.min(kept.keptDays, days) * DAY_MS
    for (let slot = slotOf(kept.period, firstMs); slot.fromMs <= nowMs; slot = slotOf(kept.period, slot.toMs))
      await createPartition(sql, kept, slot)
  }
}

const donorHour = ({ nowMs }: HistorySize): number => Math.floor(nowMs / HOUR_MS) * HOUR_MS - 2 * DAY_MS

async function makeDonors(sql: Sql, size: HistorySize, say: (line: string) => void): Promise<void> {
  const startMs = donorHour(size)
  for (let n = 0; n < DONORS; n++) {
    const samples = noisyHour(n, startMs)
    for (let from = 0; from < samples.length; from += 300) {
      await sql`
        insert into control_perf_samples (provider_id, ts, gpu, sys, source, boot, seq, created_at)
        select ${`donor-${n}`}, ts, gpu, sys, 'nvidia-smi', '00000000-0000-4000-8000-000000000001', seq / 5,
          date_bin('5 seconds', ts, '2000-01-01Z') + interval '5.2 seconds'
        from json_to_recordset(${sql.json(samples.slice(from, from + 300))}::json)
          as r(ts timestamptz, gpu jsonb, sys jsonb, seq bigint)`
    }
  }
  await sql`
    insert into control_dirty_buckets
    select distinct '10s', date_bin('10 seconds', ts, '2000-01-01Z'), provider_id, now() from control_perf_samples`
  await rollUpAll(sql, size.nowMs)
  for (const { table } of PACKED_TIERS)
    await sql.unsafe(`create table donor_${table} as select * from ${table}`)
  await sql`create table donor_control_perf_rollup_1h as select * from control_perf_rollup_1h`
  for (const { tier, table, packed } of PACKED_TIERS) {
    const startedAt = performance.now()
    await packSpan(
      { sql, log: silentLog },
      { table, fromMs: startMs, toMs: startMs + HOUR_MS, afterMs: 0 },
      new AbortController().signal,
    )
    const hourMs = (performance.now() - startedAt) / DONORS
    say(`  packing an hour of a host, ${tier}: ${hourMs.toFixed(0)} ms, of Postgres and the hub together`)
    await sql.unsafe(`create table donor_${packed} as select * from ${packed}`)
    await sql.unsafe(`truncate ${packed}, ${table}`)
  }
  await sql`truncate control_perf_rollup_1h`
}

/** Of every host and hour that is packed at this age. Only the time is its own. */
async function copyPacked(sql: Sql, { tier, packed }: PackedTier, size: HistorySize): Promise<void> {
  const { nowMs, hosts, days } = size
  const beforeMs = Math.floor(nowMs / HOUR_MS - PACK_AFTER_HOURS) * HOUR_MS
  const keptDays = Math.min(days, RETAIN.perfDays[tier as "raw"])
  const fromMs = Math.ceil((nowMs - keptDays * DAY_MS) / HOUR_MS) * HOUR_MS
  const shift = sql`(h.hour - d.hour)`
  for (let dayMs = fromMs; dayMs < beforeMs; dayMs += DAY_MS) {
    const to = instantOf(Math.min(dayMs + DAY_MS, beforeMs) - 1)
    await sql`
      insert into ${sql(packed)} (provider_id, hour, rows, samples, first_at, last_at, head, body)
      select 'load-' || lpad(n::text, 4, '0'), h.hour, d.rows, d.samples, d.first_at + ${shift}, d.last_at + ${shift},
        -- The first column of a packed hour is its times, and begins with the first one.
        regexp_replace(d.head::text, '"f":[0-9]+',
          '"f":' || (extract(epoch from d.first_at + ${shift}) * 1000000)::bigint)::json, d.body
      from generate_series(${instantOf(dayMs)}::timestamptz, ${to}::timestamptz, '1 hour') as h(hour)
      cross join generate_series(0, ${hosts - 1}::int) as n
      join ${sql(`donor_${packed}`)} d on d.provider_id = 'donor-' || n % ${DONORS}`
  }
}

async function copyRows(sql: Sql, { nowMs, hosts, days, rawHours }: HistorySize): Promise<void> {
  const now = instantOf(nowMs)
  const hourMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS
  const copies = [
    { table: "control_perf_samples", column: "ts", hours: rawHours },
    ...PACKED_TIERS.filter(({ tier }) => tier !== "raw").map(({ table, column }) => ({
      table,
      column,
      hours: PACK_AFTER_HOURS,
    })),
    { table: "control_perf_rollup_1h", column: "bucket", hours: days * 24 },
  ]
  for (const { table, column, hours } of copies) {
    const columns = (
      await sql<{ name: string }[]>`
      select attname as name from pg_attribute
      where attrelid = ${table}::regclass and attnum > 0 and not attisdropped and attname not in ('provider_id', ${column})`
    ).map(({ name }) => name)
    const list = columns.join(", ")
    await sql`
      insert into ${sql(table)} (provider_id, ${sql(column)}, ${sql.unsafe(list)})
      select 'load-' || lpad(n::text, 4, '0'), d.${sql(column)} + (h.hour - date_trunc('hour', d.${sql(column)}, 'UTC')), ${sql.unsafe(list)}
      from generate_series(${instantOf(hourMs - hours * HOUR_MS)}::timestamptz, ${now}::timestamptz, '1 hour') as h(hour)
      cross join generate_series(0, ${hosts - 1}::int) as n
      join ${sql(`donor_${table}`)} d on d.provider_id = 'donor-' || n % ${DONORS}
      where d.${sql(column)} + (h.hour - date_trunc('hour', d.${sql(column)}, 'UTC')) < ${now}`
  }
}

/** Day by day into a table of its own, which becomes a partition when it is full: its indexes are made in one go. */
export async function makeRequests(sql: Sql, { nowMs, hosts, days, requests }: HistorySize): Promise<void> {
  const kept = TABLES.find(({ table }) => table === "control_requests")
  if (!kept) throw new Error("requests are not kept")
  const everyMs = (days * DAY_MS) / requests
  for (
    let slot = slotOf("day", nowMs - days * DAY_MS + MINUTE_MS);
    slot.fromMs <= nowMs;
    slot = slotOf("day", slot.toMs)
  ) {
    const name = `control_requests_${instantOf(slot.fromMs).slice(0, 10).replaceAll("-", "")}`
    // n counts back from now.
    const first = Math.max(1, Math.ceil((nowMs - slot.toMs) / everyMs) + 1)
    const last = Math.min(requests, Math.floor((nowMs - slot.fromMs) / everyMs))
    await sql.unsafe(`create table ${name} (like control_requests including defaults including constraints)`)
    await sql`
      insert into ${sql(name)} (id, provider_id, swap_epoch, swap_entry_id, ts, model, req_path, status_code,
        duration_ms, input_tokens, prompt_tokens, uncached_tokens, output_tokens, gen_tps, prompt_tps, token_basis, source,
        user_agent, error)
      select gen_random_uuid(), 'load-' || lpad((n % ${hosts})::text, 4, '0'), '00000000-0000-4000-8000-000000000001', n,
        ${instantOf(nowMs)}::timestamptz - n * ${everyMs}::float8 * interval '1 millisecond', 'model-' || n % 15,
        '/v1/chat/completions', case when n % 50 = 0 then 500 else 200 end, n % 9000, 512, 632, 512, n % 900, 61.7, 2311.4,
        'timings', 'source-' || n % 9, 'OpenAI/Python 2.8.1',
        case when n = ${Math.floor(requests / 2)} then 'needle in a haystack' when n % 50 = 0 then 'upstream gone' end
      from generate_series(${first}::int, ${last}::int) n`
    await sql`
      insert into control_request_stats (hour, provider_id, model, source, status_code, failed, requests, prompt_tokens,
        output_tokens, gen_tps_millionths, gen_tps_count, prompt_tps_millionths, prompt_tps_count, duration_us, duration_count)
      select date_trunc('hour', ts, 'UTC'), provider_id, model, source, status_code, status_code >= 400 or error is not null,
        count(*), sum(prompt_tokens), sum(output_tokens), sum((gen_tps * 1e6)::bigint), count(gen_tps),
        sum((prompt_tps * 1e6)::bigint), count(prompt_tps), sum((duration_ms * 1e3)::bigint), count(duration_ms)
      from ${sql(name)} where ts < date_trunc('hour', ${instantOf(nowMs)}::timestamptz, 'UTC') group by 1, 2, 3, 4, 5, 6`
    await sql.unsafe(`alter table control_requests attach partition ${name}
      for values from ('${instantOf(slot.fromMs)}') to ('${instantOf(slot.toMs)}')`)
  }
  // The hour that runs is not summed up yet.
  await sql`
    insert into control_dirty_request_hours
    select distinct date_trunc('hour', ts, 'UTC'), provider_id, now() from control_requests
    where ts >= date_trunc('hour', ${instantOf(nowMs)}::timestamptz, 'UTC')`
  while ((await sumUpAll(sql, nowMs)) > 0);
}
