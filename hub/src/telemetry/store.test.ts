import Fastify from "fastify"
import fc from "fast-check"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import type { Envelope } from "@boocontrol/shared/envelope"
import { HostId } from "@boocontrol/shared/ids"
import { PerfReply } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { installHttpRules } from "../platform/http.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { ROLLUPS } from "./core/tiers.ts"
import { createTelemetry, createTelemetryStore } from "./index.ts"
import type { TelemetryStore } from "./index.ts"
import { rollUpAll } from "./run.ts"
import { FIRST_BOOT, SECOND_BOOT, gpu, perfMessage, sample } from "./samples-for-tests.ts"
import { markBuckets } from "./store/marks.ts"
import { readingsQuery } from "./store/read.ts"
import { newestSampleTs } from "./store/samples.ts"

const SECOND = 1_000
const MINUTE = 60 * SECOND
const NOW = Date.UTC(2026, 10, 22, 12)
const clock = manualClock(NOW)
const HOST = HostId.parse("gpu-1")
let sql: Sql
let telemetry: TelemetryStore
const app = Fastify()

beforeAll(async () => {
  const { url } = await testDatabase("telemetry")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  for (const day of [0, 1, 2]) {
    const [from, to] = [day, day - 1].map((ago) => instantOf(Date.UTC(2026, 10, 22 - ago)))
    await sql.unsafe(
      `create table day_${day} partition of control_perf_samples for values from ('${from}') to ('${to}')`,
    )
  }
  const base = { sql, clock, log: silentLog }
  telemetry = createTelemetryStore({ ...base, partitions: { ensure: () => Promise.resolve() } })
  installHttpRules(app)
  const retainDays = { raw: 7, "10s": 14, "1m": 400, "5m": 400, "1h": 3650 }
  await app.register(createTelemetry({ ...base, retainDays }).routes)
})
afterAll(async () => {
  await app.close()
  await sql.end()
})
beforeEach(async () => {
  await sql`truncate control_perf_samples, control_dirty_buckets`
  for (const { table } of ROLLUPS) await sql`truncate ${sql(table)}`
})

function store(...envelopes: Envelope<"perf">[]): Promise<void> {
  return telemetry.storeBatch(envelopes)
}

async function times(): Promise<unknown[]> {
  return (await sql`select ts from control_perf_samples order by ts`).map((row) => row["ts"])
}

async function tierText(table: string): Promise<string> {
  const rows = await sql`select t::text as text from ${sql(table)} t order by provider_id, bucket`
  return rows.map((row) => String(row["text"])).join("\n")
}

const rollUpNow = () => rollUpAll(sql, clock.now())

/** One sample a second, in messages of five, `seconds` long and ending now. */
function steady(seconds: number, host = "gpu-1"): Envelope<"perf">[] {
  const samples = Array.from({ length: seconds }, (_, n) =>
    sample(NOW - (seconds - n) * SECOND, {
      gpu: [gpu({ temp_c: 40 + (n % 21), power_w: 100.1 + (n % 7) / 10 })],
    }),
  )
  return Array.from({ length: Math.ceil(seconds / 5) }, (_, n) =>
    perfMessage(samples.slice(n * 5, n * 5 + 5), { host }),
  )
}

it("stores a sample as it came", async () => {
  const one = sample(NOW - 1_234, { backfilled: true, source: "llama-swap", gpu: [gpu({ fan_pct: null })] })
  await store(perfMessage([one]))
  const rows = await sql`select provider_id, ts, gpu, sys, source, backfilled from control_perf_samples`
  expect([...rows]).toEqual([{ provider_id: "gpu-1", ...one }])
  expect(await newestSampleTs(sql, HOST)).toBe(one.ts)
  expect(await newestSampleTs(sql, HostId.parse("gpu-9"))).toBeNull()
})

it("stores nothing where there is no GPU as null, not as an empty object", async () => {
  await store(perfMessage([sample(NOW, { gpu: null, sys: null })]))
  expect((await sql`select gpu is null and sys is null as nothing from control_perf_samples`)[0]).toEqual({
    nothing: true,
  })
})

it("adds nothing for messages that come again, in any order and grouping", async () => {
  const messages = [
    ...steady(20),
    // Another boot with a sample of a time that is taken.
    perfMessage([sample(NOW - 5 * SECOND, { gpu: [gpu({ temp_c: 99 })] })], { boot: SECOND_BOOT, seq: 7 }),
  ]
  await store(...messages)
  const before = await times()
  expect(before).toHaveLength(21)
  const replay = fc.array(fc.array(fc.constantFrom(...messages), { minLength: 1, maxLength: 6 }), {
    maxLength: 4,
  })
  await fc.assert(
    fc.asyncProperty(replay, async (batches) => {
      await Promise.all(batches.map((batch) => store(...batch)))
      expect(await times()).toEqual(before)
    }),
    { numRuns: 20 },
  )
})

it("keeps samples of one time that different messages brought, a millisecond apart, and counts them", async () => {
  const nudgedBefore = telemetry.counters().nudged
  const at = NOW - MINUTE
  const messages = [1, 2, 3].map((seq) =>
    perfMessage([sample(at, { gpu: [gpu({ temp_c: seq })] })], { boot: FIRST_BOOT, seq }),
  )
  await store(...messages.slice(0, 2))
  await store(...messages)
  expect(await times()).toEqual([instantOf(at), instantOf(at + 1), instantOf(at + 2)])
  expect(telemetry.counters().nudged - nudgedBefore).toBe(2)
})

it("takes a sample that the engine gave once more for the same one, unlike one that was measured here", async () => {
  const at = NOW - MINUTE
  for (const boot of [FIRST_BOOT, SECOND_BOOT])
    await store(perfMessage([sample(at, { source: "llama-swap" })], { boot, seq: 1 }))
  expect(await times()).toHaveLength(1)
  await store(
    perfMessage([sample(at, { source: "llama-swap", gpu: [gpu({ temp_c: 1 })] })], {
      boot: SECOND_BOOT,
      seq: 2,
    }),
  )
  expect(await times()).toHaveLength(2)
})

it("builds every tier from the samples, each exactly", async () => {
  await store(...steady(3_600))
  await rollUpNow()
  for (const { table, widthMs } of ROLLUPS) {
    const rows = await sql`select sum(samples)::int as samples, count(*)::int as buckets,
      sum((gpu_agg->'GPU-aaaa'->'metrics'->'power_w'->>'sum')::numeric)::float8 as power,
      min((gpu_agg->'GPU-aaaa'->'metrics'->'temp_c'->>'min')::numeric)::int as coolest,
      max((gpu_agg->'GPU-aaaa'->'metrics'->'temp_c'->>'max')::numeric)::int as hottest
      from ${sql(table)}`
    const power = Array.from({ length: 3_600 }, (_, n) => 1_001 + (n % 7)).reduce((a, b) => a + b, 0) / 10
    expect(rows[0]).toEqual({
      samples: 3_600,
      buckets: (3_600 * SECOND) / widthMs,
      power,
      coolest: 40,
      hottest: 60,
    })
  }
  expect((await sql`select * from control_dirty_buckets`).length).toBe(0)
})

it("computes the same bytes again, and the same whatever the order the samples came in", async () => {
  const messages = steady(600)
  await store(...messages)
  await rollUpNow()
  const before = await Promise.all(ROLLUPS.map(({ table }) => tierText(table)))
  await sql`insert into control_dirty_buckets select '10s', bucket, provider_id, bucket from control_perf_rollup_10s`
  await sql`insert into control_dirty_buckets select '5m', bucket, provider_id, bucket from control_perf_rollup_5m`
  await rollUpNow()
  expect(await Promise.all(ROLLUPS.map(({ table }) => tierText(table)))).toEqual(before)
  await sql`truncate control_perf_samples`
  for (const { table } of ROLLUPS) await sql`truncate ${sql(table)}`
  for (const message of messages.toReversed()) await store(message)
  await rollUpNow()
  expect(await Promise.all(ROLLUPS.map(({ table }) => tierText(table)))).toEqual(before)
})

it("takes late samples into buckets that were computed", async () => {
  const messages = steady(600)
  await store(...messages.filter((_, n) => n % 3 !== 0))
  await rollUpNow()
  await store(...messages.filter((_, n) => n % 3 === 0))
  await rollUpNow()
  const [row] = await sql`select sum(samples)::int as samples from control_perf_rollup_5m`
  expect(row).toEqual({ samples: 600 })
})

it("leaves a bucket that is still open, until its samples are old enough to be all", async () => {
  const at = NOW + 3 * SECOND
  await store(perfMessage([sample(at)]))
  await rollUpNow()
  expect(await tierText("control_perf_rollup_10s")).toBe("")
  // Also a host whose clock runs ahead gets its buckets.
  await rollUpAll(sql, NOW + 16 * SECOND)
  expect(await tierText("control_perf_rollup_10s")).not.toBe("")
})

it("keeps what was computed when part of its samples is gone", async () => {
  await store(...steady(600))
  await rollUpNow()
  const before = await tierText("control_perf_rollup_5m")
  await sql`truncate control_perf_samples`
  await store(perfMessage([sample(NOW - 599_500)], { boot: SECOND_BOOT }))
  await rollUpNow()
  expect(await tierText("control_perf_rollup_5m")).toBe(before)
})

it("counts every sample when several hubs store and compute at once", async () => {
  const messages = steady(300)
  const computing = { done: false }
  const compute = async (): Promise<void> => {
    while (!computing.done) await rollUpNow()
  }
  const hubs = [compute(), compute()]
  await Promise.all(messages.map((message) => store(message)))
  computing.done = true
  await Promise.all(hubs)
  await rollUpNow()
  for (const { table } of ROLLUPS) {
    const [row] = await sql`select sum(samples)::int as samples from ${sql(table)}`
    expect(row).toEqual({ samples: 300 })
  }
})

it("passes by a bucket whose samples are being stored, and computes it after their commit", async () => {
  const [first, second] = [NOW - MINUTE, NOW - MINUTE + SECOND]
  await store(perfMessage([sample(first)]))
  await sql.begin(async (tx) => {
    await tx`insert into control_perf_samples (provider_id, ts, gpu, source, boot, seq)
      values (${HOST}, ${instantOf(second)}, ${tx.json([gpu()])}, 'os', ${SECOND_BOOT}, 1)`
    await markBuckets(tx, ROLLUPS[0], { marks: [{ provider_id: HOST, atMs: second }], nowMs: NOW })
    await rollUpNow()
    expect(await tierText("control_perf_rollup_10s")).toBe("")
  })
  await rollUpNow()
  expect(await sql`select samples from control_perf_rollup_10s`).toEqual([{ samples: 2 }])
})

it("computes in the background and stops when told", async () => {
  await store(...steady(60))
  telemetry.start()
  telemetry.start()
  clock.advance(3 * SECOND)
  await telemetry.stop()
  await telemetry.stop()
  expect(await tierText("control_perf_rollup_10s")).not.toBe("")
  expect(clock.pending()).toBe(0)
})

async function perf(query: string): Promise<PerfReply> {
  const reply = await app.inject(`/perf?${query}`)
  expect(reply.statusCode).toBe(200)
  return PerfReply.parse(reply.json())
}

it("answers the last minutes from samples, and says where there are none", async () => {
  const now = clock.now()
  const samples = Array.from({ length: 600 }, (_, n) => sample(now - 600 * SECOND + n * SECOND))
  const kept = samples.filter((_, n) => n < 100 || n >= 300)
  await store(perfMessage(kept))
  const from = instantOf(now - 700 * SECOND)
  const reply = await perf(`provider_id=gpu-1&from=${from}&to=${instantOf(now)}&points=300`)
  expect(reply).toMatchObject({ tier: "raw", from, to: instantOf(now) })
  expect(reply.missing).toEqual([
    { from, to: instantOf(now - 600 * SECOND) },
    { from: instantOf(now - 500 * SECOND), to: instantOf(now - 300 * SECOND) },
  ])
  const series = reply.gpus[0]?.series["temp_c"] ?? []
  expect(series.length).toBeLessThanOrEqual(300)
  expect(series.length).toBeGreaterThan(100)
  expect(series.filter((point) => point.mean === null)).toHaveLength(4)
  expect(new Set(series.map((point) => point.mean))).toEqual(new Set([null, 51]))
})

it("answers the last hour from buckets of ten seconds, and its newest moments from samples", async () => {
  const now = Math.floor(clock.now() / (10 * SECOND)) * 10 * SECOND + 3 * SECOND
  const samples = Array.from({ length: 3_000 }, (_, n) => sample(now - 3_000 * SECOND + n * SECOND))
  const kept = samples.filter((_, n) => n < 1_003 || n >= 1_603)
  await store(
    perfMessage(kept.slice(0, 1_000)),
    perfMessage(kept.slice(1_000, 2_000)),
    perfMessage(kept.slice(2_000)),
  )
  await rollUpAll(sql, now - 20 * SECOND)
  await sql`delete from control_perf_rollup_10s where bucket > ${instantOf(now - 35 * SECOND)}`
  const reply = await perf(`provider_id=gpu-1&from=${instantOf(now - 3_600 * SECOND)}&to=${instantOf(now)}`)
  expect(reply.tier).toBe("10s")
  expect(reply.missing).toEqual([
    { from: instantOf(now - 3_600 * SECOND), to: instantOf(now - 3_003 * SECOND) },
    { from: instantOf(now - 1_993 * SECOND), to: instantOf(now - 1_403 * SECOND) },
  ])
  const series = reply.gpus[0]?.series["temp_c"] ?? []
  expect(series.at(-1)).toMatchObject({ ts: instantOf(now - 3 * SECOND), mean: 51 })
  expect(series.filter((point) => point.mean !== null)).toHaveLength(242)
})

it("answers a day from a coarser tier, marks what was backfilled, and knows nothing of other hosts", async () => {
  const now = clock.now()
  const every = (fromMs: number, count: number, backfilled: boolean) =>
    Array.from({ length: count }, (_, n) => sample(now - fromMs + n * 10 * SECOND, { backfilled }))
  await store(
    perfMessage(every(10 * 60 * MINUTE, 720, true)),
    perfMessage(every(8 * 60 * MINUTE, 360, false)),
  )
  await rollUpAll(sql, now)
  const day = `provider_id=gpu-1&from=${instantOf(now - 12 * 60 * MINUTE)}&to=${instantOf(now)}&points=100`
  const reply = await perf(day)
  expect(reply.tier).toBe("1m")
  expect(reply.step_s).toBe(480)
  expect(reply.missing).toHaveLength(2)
  const minute = Math.floor(now / MINUTE) * MINUTE
  expect(reply.backfilled).toEqual([
    { from: instantOf(minute - 10 * 60 * MINUTE), to: instantOf(minute - 8 * 60 * MINUTE) },
  ])
  expect(reply.gpus[0]?.series["util_pct"]?.length).toBeLessThanOrEqual(100)
  const other = await perf(day.replace("gpu-1", "gpu-2"))
  expect(other).toMatchObject({ gpus: [], backfilled: [], missing: [{ from: reply.from }] })
})

it.each([
  ["points=5", "points"],
  ["points=2001", "points"],
  ["from=2026-11-22T12:00:00Z&to=2026-11-22T11:00:00Z", "from"],
])("refuses %s and names the parameter", async (query, name) => {
  const reply = await app.inject(`/perf?provider_id=gpu-1&${query}`)
  expect(reply.statusCode).toBe(400)
  expect(reply.json<{ error: string }>().error).toContain(name)
})

it("reads samples and tiers by an index, never a whole partition", async () => {
  await sql`
    insert into control_perf_samples (provider_id, ts, source, boot, seq)
    select 'load-' || n % 20, ${instantOf(NOW)}::timestamptz - n * interval '5 s', 'os', ${FIRST_BOOT}, n
    from generate_series(1, 40000) n`
  await sql`analyze control_perf_samples`
  const plan = await sql`explain ${readingsQuery(sql, {
    host: HostId.parse("load-3"),
    tier: "raw",
    fromMs: NOW - 3_600 * SECOND,
    toMs: NOW,
  })}`
  const text = plan.map((line) => String(line["QUERY PLAN"])).join("\n")
  expect(text).toMatch(/Index Scan/)
  expect(text).not.toMatch(/Seq Scan on day_/)
  expect(text).not.toContain("day_2")
})
