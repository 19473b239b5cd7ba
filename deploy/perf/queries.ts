// pnpm perf:queries: the hot queries over a generated history, and what a reading costs on disk.
import { parseArgs } from "node:util"
import { HostId, RequestId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { listRequests } from "../../hub/src/activity/store/read.ts"
import { requestStats } from "../../hub/src/activity/store/stats.ts"
import { silentLog } from "../../hub/src/platform/log.ts"
import { connectPostgres } from "../../hub/src/platform/postgres.ts"
import type { Sql } from "../../hub/src/platform/postgres.ts"
import { StoredSample, bucketOfSample, mergeBuckets } from "../../hub/src/telemetry/core/aggregate.ts"
import { readReadings } from "../../hub/src/telemetry/store/read.ts"
import { conditions, percentile } from "./figures.ts"
import { loadNow } from "./processes.ts"
import { startStack } from "./stack.ts"
import { trafficHost } from "./traffic.ts"

const TARGET_P95_MS = 50
const TARGET_YEAR_GB = 25
const GPUS = 4
const DAY_MS = 24 * 3_600_000
const RUNS = 40

const { values: options } = parseArgs({
  options: {
    days: { type: "string", default: "14" },
    hosts: { type: "string", default: "20" },
    requests: { type: "string", default: "500000" },
    "raw-hours": { type: "string", default: "1" },
  },
})
const days = Number(options.days)
const hosts = Number(options.hosts)
const requests = Number(options.requests)
const rawSeconds = Number(options["raw-hours"]) * 3600
const nowMs = Math.floor(Date.now() / 60_000) * 60_000
const now = instantOf(nowMs)

const host = (n: number): HostId => HostId.parse(`load-${String(n).padStart(4, "0")}`)

/** Written by Postgres itself: what is measured is reading. */
async function generate(sql: Sql): Promise<void> {
  await dailyPartitions(sql, "control_requests", days)
  await dailyPartitions(sql, "control_perf_samples", 1)
  await sql`
    insert into control_requests (id, provider_id, swap_epoch, swap_entry_id, ts, model, req_path, status_code,
      duration_ms, input_tokens, prompt_tokens, uncached_tokens, output_tokens, gen_tps, prompt_tps, token_basis, source,
      user_agent, error)
    select gen_random_uuid(), 'load-' || lpad((n % ${hosts})::text, 4, '0'), '00000000-0000-4000-8000-000000000001', n,
      ${now}::timestamptz - n * ${(days * 86_400) / requests}::float8 * interval '1 second', 'model-' || n % 15,
      '/v1/chat/completions', case when n % 50 = 0 then 500 else 200 end, n % 9000, 512, 632, 512, n % 900, 61.7, 2311.4,
      'timings', 'source-' || n % 9, 'OpenAI/Python 2.8.1',
      case when n = ${Math.floor(requests / 2)} then 'needle in a haystack' when n % 50 = 0 then 'upstream gone' end
    from generate_series(1, ${requests}::int) n`
  await sql`
    insert into control_request_stats (hour, provider_id, model, source, status_code, failed, requests, prompt_tokens,
      output_tokens, gen_tps_count, prompt_tps_count, duration_ms_count)
    select date_trunc('hour', ts, 'UTC'), provider_id, model, source, status_code, status_code >= 400, count(*),
      sum(prompt_tokens), sum(output_tokens), 0, 0, 0
    from control_requests where ts < date_trunc('hour', ${now}::timestamptz) group by 1, 2, 3, 4, 5, 6`
  await sql`
    delete from control_dirty_request_hours where hour < date_trunc('hour', ${now}::timestamptz)`
  for (let n = 0; n < hosts; n += 1) await generateTelemetry(sql, n)
  await sql`vacuum analyze`
}

async function generateTelemetry(sql: Sql, n: number): Promise<void> {
  const { data } = JSON.parse(trafficHost(n).perf(nowMs, 60).text) as {
    data: { samples: { gpu: never; sys: never }[] }
  }
  const [sample] = data.samples
  await sql`
    insert into control_perf_samples (provider_id, ts, gpu, sys, source, boot, seq)
    select ${host(n)}, ${now}::timestamptz - s * interval '1 second', ${sql.json(sample?.gpu ?? null)}::jsonb,
      ${sql.json(sample?.sys ?? null)}::jsonb, 'nvidia-smi', '00000000-0000-4000-8000-000000000001', s
    from generate_series(1, ${rawSeconds}::int) s`
  const minute = mergeBuckets(
    data.samples.map((one) => bucketOfSample(StoredSample.parse({ ...one, backfilled: false }))),
  )
  const json = (value: unknown) => sql.json(value as never)
  await sql`
    insert into control_perf_rollup_1m (provider_id, bucket, samples, backfilled, seconds, gpu_agg, sys_agg)
    select ${host(n)}, ${now}::timestamptz - m * interval '1 minute', 60, 0, 60, ${json(minute?.gpu_agg)}::jsonb,
      ${json(minute?.sys_agg)}::jsonb
    from generate_series(1, ${days * 1440}::int) m`
}

async function dailyPartitions(sql: Sql, table: string, count: number): Promise<void> {
  for (let day = -1; day <= count; day += 1) {
    const fromMs = Math.floor(nowMs / DAY_MS - day) * DAY_MS
    const name = `${table}_${instantOf(fromMs).slice(0, 10).replaceAll("-", "")}`
    const [known] = await sql`select to_regclass(${name}) is not null as there`
    if (known?.["there"] === true) continue
    await sql.unsafe(
      `create table ${name} partition of ${table} for values from ('${instantOf(fromMs)}') to ('${instantOf(fromMs + DAY_MS)}')`,
    )
  }
}

function hotQueries(sql: Sql): [string, () => Promise<readonly unknown[]>][] {
  const page = (filters: object, backDays = 0) =>
    listRequests(sql, {
      filters,
      after: backDays === 0 ? null : { ts: instantOf(nowMs - backDays * DAY_MS), id: MIDDLE_ID },
      limit: 100,
    })
  const readings = (tier: "raw" | "1m", hours: number) =>
    readReadings(sql, { host: host(1), tier, fromMs: nowMs - hours * 3_600_000, toMs: nowMs })
  const stats = (from: number) =>
    requestStats(sql, { from: instantOf(nowMs - from * DAY_MS + 1_234), to: instantOf(nowMs) })
  return [
    ["newest requests", () => page({})],
    ["a page deep in the past", () => page({}, days / 2)],
    ["requests of a host, deep", () => page({ provider_id: [host(3)] }, days / 2)],
    ["requests of a model", () => page({ model: ["model-2"] })],
    ["failed requests", () => page({ status: ["error"] })],
    ["a rare text", () => page({ q: "needle in" })],
    ["figures of a day", () => stats(1)],
    [`figures of ${days} days`, () => stats(days)],
    ["samples of an hour", () => readings("raw", 1)],
    ["minutes of two days", () => readings("1m", 48)],
  ]
}
const MIDDLE_ID = RequestId.parse("0193a000-0000-7000-8000-0000000000b1")

async function timed(run: () => Promise<readonly unknown[]>): Promise<{ ms: number[]; rows: number }> {
  let rows = 0
  for (let warm = 0; warm < 3; warm += 1) rows = (await run()).length
  const ms: number[] = []
  for (let n = 0; n < RUNS; n += 1) {
    const startedAt = performance.now()
    await run()
    ms.push(performance.now() - startedAt)
  }
  return { ms, rows }
}

async function bytesPerRow(sql: Sql, like: string, table: string): Promise<number> {
  const [row] = await sql<{ bytes: number; rows: number }[]>`
    select sum(pg_total_relation_size(c.oid))::int8 as bytes, (select count(*) from ${sql(table)}) as rows
    from pg_class c where c.relkind = 'r' and c.relname like ${like}`
  return (row?.bytes ?? 0) / (row?.rows ?? 1)
}

console.log(await conditions())
const stack = await startStack()
const sql = connectPostgres(stack.databaseUrl, { log: silentLog, max: 1, answerWithinMs: null })
try {
  await stack.stopHub()
  const startedAt = performance.now()
  await generate(sql)
  console.log(
    `${days} days x ${hosts} hosts x ${GPUS} GPUs of minutes, ${requests} requests, ${rawSeconds / 3600} h of samples, generated ` +
      `in ${((performance.now() - startedAt) / 1000).toFixed(0)} s; load ${loadNow()}; ${RUNS} runs each, warm, read and parsed`,
  )
  let met = true
  for (const [name, run] of hotQueries(sql)) {
    const { ms, rows } = await timed(run)
    const p95 = percentile(ms, 0.95)
    met &&= p95 <= TARGET_P95_MS
    console.log(
      `  ${name.padEnd(28)} ${String(rows).padStart(5)} rows  p50 ${percentile(ms, 0.5).toFixed(1)} ms  p95 ${p95.toFixed(1)} ms  ` +
        (p95 <= TARGET_P95_MS ? "met" : "NOT MET"),
    )
  }
  const sample = await bytesPerRow(sql, "control_perf_samples%", "control_perf_samples")
  const minute = await bytesPerRow(sql, "control_perf_rollup_1m%", "control_perf_rollup_1m")
  const yearGb = (minute * 100 * 1440 * 365) / 1e9
  console.log(
    `  a sample of ${GPUS} GPUs and the system: ${sample.toFixed(0)} B, ${(sample / GPUS).toFixed(0)} B per GPU sample`,
  )
  console.log(
    `  a host-minute of the 1-minute tier: ${minute.toFixed(0)} B; x 100 hosts x 1440 x 365 = ${yearGb.toFixed(1)} GB a year, ` +
      `target ${TARGET_YEAR_GB} GB: ${yearGb <= TARGET_YEAR_GB ? "met" : "NOT MET"}`,
  )
  process.exitCode = met && yearGb <= TARGET_YEAR_GB ? 0 : 1
} finally {
  await sql.end()
  await stack.stop()
}
