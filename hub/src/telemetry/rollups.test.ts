import fc from "fast-check"
import { afterAll, beforeAll, expect, it } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { Bucket, StoredSample, bucketOfSample, mergeBuckets } from "./core/aggregate.ts"
import { samplesOf } from "./core/fold.ts"
import { createFresh } from "./core/fresh.ts"
import { ROLLUPS, bucketOf } from "./core/tiers.ts"
import { rollUpAll } from "./run.ts"
import { gpu, perfMessage, sample, sys } from "./samples-for-tests.ts"
import { rollUp } from "./store/rollups.ts"
import { storeSamples } from "./store/samples.ts"

const NOON = Date.UTC(2026, 10, 22, 12)
const SPAN_S = 2 * 3_600
let sql: Sql

beforeAll(async () => {
  const { url } = await testDatabase("rollups")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
})
afterAll(() => sql.end())

async function clear(): Promise<void> {
  await sql`truncate control_perf_samples, control_dirty_buckets`
  for (const { table } of ROLLUPS) await sql`truncate ${sql(table)}`
}

const one = fc.record({
  // Often some in one minute.
  secondsAgo: fc.oneof(fc.integer({ min: 1, max: SPAN_S }), fc.integer({ min: 1, max: 130 })),
  util: fc.option(fc.integer({ min: 0, max: 100 }), { nil: null }),
  power: fc.option(fc.integer({ min: 0, max: 60_000 }), { nil: null }),
  load: fc.option(fc.integer({ min: 0, max: 900 }), { nil: null }),
  gpus: fc.integer({ min: 0, max: 2 }),
})
type One = typeof one extends fc.Arbitrary<infer T> ? T : never

const sampleOf = ({ secondsAgo, util, power, load, gpus }: One) =>
  sample(NOON - secondsAgo * 1_000, {
    gpu: Array.from({ length: gpus }, (_, index) =>
      gpu({ index, uuid: `GPU-${index}`, util_pct: util, power_w: power === null ? null : power / 100 }),
    ),
    sys: load === null ? null : sys({ load_1: load / 100 }),
  })

let seq = 0
const store = (samples: readonly One[]) =>
  storeSamples(sql, samplesOf(samples.map((given) => perfMessage([sampleOf(given)], { seq: ++seq }))), NOON)

/** The buckets of a tier as they would be if each was made of its samples directly. */
async function directly(widthMs: number): Promise<unknown[]> {
  const rows = await sql`select ts, gpu, sys, backfilled from control_perf_samples order by ts`
  const groups = Map.groupBy(rows, (row) => bucketOf(Date.parse(String(row["ts"])), widthMs))
  return [...groups].map(([startMs, samples]) => ({
    bucket: instantOf(startMs),
    ...mergeBuckets(samples.map((row) => bucketOfSample(StoredSample.parse(row)))),
  }))
}

async function tier(table: string): Promise<unknown[]> {
  const rows =
    await sql`select bucket, samples, backfilled, gpu_agg, sys_agg from ${sql(table)} order by bucket`
  return rows.map((row) => ({ bucket: row["bucket"], ...Bucket.parse(row) }))
}

const text = async (table: string) =>
  (await sql`select t::text as text from ${sql(table)} t order by bucket`).map((row) => row["text"])

it("makes every tier as if it was made of the samples directly, also of those that come late", async () => {
  const some = fc.array(one, { maxLength: 30 })
  // Nothing is known of some batches, as if another hub had stored them.
  const batches = fc.array(fc.record({ samples: some, here: fc.boolean() }), { maxLength: 2 })
  await fc.assert(
    fc.asyncProperty(batches, batches, async (early, late) => {
      await clear()
      const fresh = createFresh({ samples: 20, sums: 20 })
      for (const phase of [early, late]) {
        for (const { samples, here } of phase) {
          const { added } = await store(samples)
          if (here) fresh.samples.add(added)
        }
        await rollUpAll(sql, NOON, { fresh })
      }
      for (const { table, widthMs } of ROLLUPS) expect(await tier(table)).toEqual(await directly(widthMs))
      expect(await sql`select from control_dirty_buckets`).toHaveLength(0)
    }),
    { numRuns: 25 },
  )
})

it("gives the same bytes whether samples are read again or were summed up when they came", async () => {
  const samples = Array.from({ length: 600 }, (_, n) => ({
    ...{ secondsAgo: 600 - n, util: n % 101, power: (n * 7_919) % 60_000, load: (n * 31) % 900, gpus: 2 },
  }))
  const texts = []
  for (const fresh of [undefined, createFresh({ samples: 100, sums: 100 })]) {
    await clear()
    fresh?.samples.add((await store(samples)).added)
    if (!fresh) await store(samples)
    else await sql`update control_perf_samples set gpu = null, sys = null`
    await rollUpAll(sql, NOON, { fresh })
    texts.push(await Promise.all(ROLLUPS.map(({ table }) => text(table))))
  }
  expect(texts[1]).toEqual(texts[0])
  expect(texts[0]?.[0]).toHaveLength(60)
})

it("makes minutes of what it has just stored, without reading it", async () => {
  await clear()
  const samples = Array.from({ length: 130 }, (_, n) => ({
    ...{ secondsAgo: 130 - n, util: n % 101, power: n, load: n, gpus: 1 },
  }))
  await store(samples)
  await rollUpAll(sql, NOON)
  const [finest, minutes] = ROLLUPS
  const before = await text(minutes.table)
  await clear()
  const fresh = createFresh({ samples: 100, sums: 100 })
  fresh.samples.add((await store(samples)).added)
  while ((await rollUp({ sql, fresh }, finest, NOON)) > 0);
  await sql`update ${sql(finest.table)} set gpu_agg = null, sys_agg = null`
  while ((await rollUp({ sql, fresh }, minutes, NOON)) > 0);
  expect(await text(minutes.table)).toEqual(before)
})

it("gives the same bytes when any window is computed again", async () => {
  await clear()
  await store(fc.sample(one, 200))
  await rollUpAll(sql, NOON)
  const before = await Promise.all(ROLLUPS.map(({ table }) => text(table)))
  for (const { tier: name, table } of ROLLUPS) {
    await sql`
      insert into control_dirty_buckets (tier, bucket, provider_id, marked_at)
      select ${name}, bucket, provider_id, bucket from ${sql(table)}`
    await rollUpAll(sql, NOON)
    expect(await Promise.all(ROLLUPS.map((rollup) => text(rollup.table)))).toEqual(before)
  }
})

it("computes what has not ended yet only after a while, and what has ended at once", async () => {
  await clear()
  const rowsOf = async () =>
    Promise.all(
      ROLLUPS.map(async ({ table }) => {
        const [row] = await sql`select sum(samples)::int as samples from ${sql(table)}`
        return row?.["samples"] ?? 0
      }),
    )
  // Noon, and all that is coarser than the finest tier goes on.
  const since = (from: number, to: number) =>
    Array.from({ length: (to - from) / 1_000 }, (_, n) => sample(NOON + from + n * 1_000))
  const at = async (afterMs: number, from: number, to: number) => {
    await storeSamples(sql, samplesOf([perfMessage(since(from, to), { seq: ++seq })]), NOON + afterMs)
    await rollUpAll(sql, NOON + afterMs)
    return rowsOf()
  }
  expect(await at(10_000, 0, 10_000)).toEqual([10, 0, 0, 0])
  expect(await at(20_000, 10_000, 20_000)).toEqual([20, 0, 0, 0])
  expect(await at(30_000, 20_000, 30_000)).toEqual([30, 30, 0, 0])
  expect(await at(60_000, 30_000, 60_000)).toEqual([60, 60, 0, 0])
  expect(await at(90_000, 60_000, 90_000)).toEqual([90, 60, 60, 0])
  expect(await at(300_000, 90_000, 300_000)).toEqual([300, 300, 300, 0])
  expect(await at(3_600_000, 300_000, 301_000)).toEqual([301, 301, 301, 301])
})

it("carries the seconds that samples speak for up through all tiers", async () => {
  await clear()
  const seconds = Array.from({ length: 3_600 }, (_, n) => 3_600 - n).filter(
    (ago) => ago > 1_000 || ago <= 900,
  )
  await store(seconds.map((secondsAgo) => ({ secondsAgo, util: 1, power: 1, load: 1, gpus: 1 })))
  await rollUpAll(sql, NOON)
  for (const { table } of ROLLUPS) {
    const [row] = await sql`select sum(seconds)::int as seconds from ${sql(table)}`
    expect(row).toEqual({ seconds: 3_500 })
  }
})
