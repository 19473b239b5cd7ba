import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import fc from "fast-check"
import type { PerfSample } from "@boocontrol/shared/telemetry"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../../deploy/test/services/postgres.ts"
import { silentLog } from "../../platform/log.ts"
import { migrate } from "../../platform/migrate.ts"
import { connectPostgres } from "../../platform/postgres.ts"
import type { Sql } from "../../platform/postgres.ts"
import { samplesOf } from "../core/fold.ts"
import { HOUR_MS, PACKED_TIERS } from "../core/packing/tables.ts"
import { ROLLUPS } from "../core/tiers.ts"
import { rollUpAll } from "../run.ts"
import { gpu, perfMessage, sample, sys } from "../samples-for-tests.ts"
import { hoursToPack, packHour } from "./packing.ts"
import type { PackOutcome } from "./packing.ts"
import { readReadings } from "./read.ts"
import { newestSampleTs, storeSamples } from "./samples.ts"
import { HostId } from "@boocontrol/shared/ids"

const NOON = Date.UTC(2026, 10, 22, 12)
const HOUR = instantOf(NOON - 30 * HOUR_MS)
const START = NOON - 30 * HOUR_MS
const AFTER = 0
let sql: Sql

beforeAll(async () => {
  const { url } = await testDatabase("packing")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
})
afterAll(() => sql.end())
// Rows are few: emptying dozens of partitions takes far longer.
async function clear(): Promise<void> {
  const tables = [...PACKED_TIERS.flatMap(({ table, packed }) => [table, packed]), "control_perf_rollup_1h"]
  for (const table of [...tables, "control_dirty_buckets"]) await sql`delete from ${sql(table)}`
}
beforeEach(clear)

const store = (samples: readonly PerfSample[], seq?: number) =>
  storeSamples(sql, samplesOf([perfMessage([...samples], seq === undefined ? {} : { seq })]), NOON)
const rollUpNow = () => rollUpAll(sql, NOON)

/** Every tier of the hour, finest first. */
async function pack(afterMs = AFTER): Promise<PackOutcome[]> {
  const outcomes: PackOutcome[] = []
  for (const tier of PACKED_TIERS)
    outcomes.push(await packHour(sql, tier, { provider_id: HostId.parse("gpu-1"), hour: HOUR, afterMs }))
  return outcomes
}

/** All that is stored, as text: byte for byte what a reader gets. */
async function all(): Promise<string[]> {
  const texts: string[] = []
  for (const { table, column } of PACKED_TIERS) {
    const rows =
      await sql`select to_jsonb(r)::text as text from ${sql(`${table}_all`)} r order by provider_id, ${sql(column)}`
    texts.push(...rows.map((row) => String(row["text"])))
  }
  return texts
}
async function counts(suffix = ""): Promise<number[]> {
  const numbers: number[] = []
  for (const { table } of PACKED_TIERS) {
    const [row] = await sql<{ n: number }[]>`select count(*) as n from ${sql(`${table}${suffix}`)}`
    numbers.push(row?.n ?? -1)
  }
  return numbers
}

const noisy = (n: number, given: Partial<PerfSample> = {}): PerfSample =>
  sample(START + n * 1_000 + (n % 3), {
    gpu: [gpu({ util_pct: (n * 37) % 101, power_w: (10_000 + ((n * 7919) % 9_999)) / 100 })],
    sys: sys({ load_1: (n % 320) / 100 }),
    ...given,
  })
const hourOf = (count: number) => Array.from({ length: count }, (_, n) => noisy(n * 2))

const reading = fc.option(
  fc.oneof(
    fc.integer({ min: 0, max: 101 }),
    fc.integer({ min: 0, max: 60_000 }).map((n) => n / 100),
    fc.double({ min: -1e9, max: 1e9, noNaN: true }),
  ),
  { nil: null },
)
const any = fc.record({
  second: fc.integer({ min: 0, max: 3_599 }),
  gpus: fc.option(fc.integer({ min: 0, max: 3 }), { nil: null }),
  util: reading,
  power: reading,
  pstate: fc.constantFrom("P0", "P8", 'a "quoted"\nname', null),
  load: fc.option(reading, { nil: undefined }),
  backfilled: fc.boolean(),
})

it("gives back, byte for byte, whatever was packed, and what came late, once each", async () => {
  const some = fc.uniqueArray(any, { selector: ({ second }) => second, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(some, some, async (early, late) => {
      await clear()
      for (const [n, batch] of [early, late, early].entries()) {
        const samples = batch.map(({ second, gpus, util, power, pstate, load, backfilled }) =>
          sample(START + second * 1_000, {
            backfilled,
            gpu:
              gpus === null
                ? null
                : Array.from({ length: gpus }, (_, index) =>
                    gpu({ index, uuid: `GPU-${index}`, util_pct: util, power_w: power, pstate }),
                  ),
            sys: load === undefined ? null : sys({ load_1: load }),
          }),
        )
        await store(samples, n === 1 ? 2 : 1)
        await rollUpNow()
        const before = await all()
        await pack()
        expect(await counts()).toEqual([0, 0, 0, 0])
        expect(await all()).toEqual(before)
      }
    }),
    { numRuns: 6, endOnFailure: true },
  )
}, 60_000)

it("packs tier by tier, each into one row that says how many it was", async () => {
  await store(hourOf(600))
  await rollUpNow()
  expect(await pack()).toEqual(["packed", "packed", "packed", "packed"])
  expect(await counts()).toEqual([0, 0, 0, 0])
  expect(await counts("_packed")).toEqual([1, 1, 1, 1])
  const [row] = await sql`select rows, samples, first_at, last_at from control_perf_rollup_1m_packed`
  expect(row).toEqual({ rows: 20, samples: 600, first_at: HOUR, last_at: instantOf(START + 19 * 60_000) })
  expect(await pack()).toEqual(["nothing", "nothing", "nothing", "nothing"])
  expect(await counts("_packed")).toEqual([1, 1, 1, 1])
})

it.each<[string, () => Promise<unknown>]>([
  [
    "a bucket is dirty",
    () => sql`
    insert into control_dirty_buckets values ('1m', ${HOUR}, 'gpu-1', ${HOUR})`,
  ],
  ["a bucket is missing", () => sql`delete from control_perf_rollup_10s where bucket = ${HOUR}`],
  [
    "a bucket knows fewer samples",
    () => sql`update control_perf_rollup_10s set samples = samples - 1 where bucket = ${HOUR}`,
  ],
])("packs nothing where %s", async (_what, spoil) => {
  await store(hourOf(60))
  await rollUpNow()
  await spoil()
  expect(new Set(await pack())).toEqual(new Set(["not yet"]))
  expect((await counts())[0]).toBe(60)
})

it("leaves samples that came lately, and with them all tiers", async () => {
  await store(hourOf(60))
  await rollUpNow()
  expect(await pack(60_000)).toEqual(["not yet", "not yet", "not yet", "not yet"])
  await sql`update control_perf_samples set created_at = created_at - interval '61 seconds'`
  expect(await pack(60_000)).toEqual(["packed", "packed", "packed", "packed"])
})

it("passes by an hour that somebody writes to, and keeps what that one brings", async () => {
  await store(hourOf(60))
  await rollUpNow()
  let outcome: PackOutcome[] = []
  await sql.begin(async (tx) => {
    await storeSamples(
      Object.assign(tx, { begin: (run: (inner: typeof tx) => unknown) => run(tx) }) as unknown as Sql,
      samplesOf([perfMessage([noisy(1)])]),
      NOON,
    )
    outcome = await pack()
  })
  expect(outcome[0]).toBe("busy")
  await rollUpNow()
  expect(await pack()).toEqual(["packed", "packed", "packed", "packed"])
  expect((await all()).filter((text) => text.includes('"boot"'))).toHaveLength(61)
})

it("drops a sample that comes again after it was packed, and keeps another one of its time", async () => {
  const samples = hourOf(60)
  await store(samples, 1)
  await rollUpNow()
  await pack()
  const before = await all()
  expect(await store(samples, 1)).toEqual({ added: [], nudged: 0 })
  expect(await all()).toEqual(before)
  expect(await store([noisy(0, { gpu: [gpu({ temp_c: 99 })] })], 2)).toEqual({
    added: [expect.anything()],
    nudged: 1,
  })
  expect(await counts("_all")).toEqual([61, expect.anything(), expect.anything(), expect.anything()])
})

it("carries a late sample into every packed tier, as if nothing had been packed", async () => {
  const samples = hourOf(600)
  await store(samples.slice(0, 599), 1)
  await rollUpNow()
  await pack()
  await store(samples.slice(599), 2)
  await rollUpNow()
  expect(await pack()).toEqual(["packed", "packed", "packed", "packed"])
  const packed = await Promise.all(
    ROLLUPS.slice(0, 3).map(({ table }) => sql`select * from ${sql(`${table}_all`)} order by bucket`),
  )
  await clear()
  await store(samples, 3)
  await rollUpNow()
  const plain = await Promise.all(
    ROLLUPS.slice(0, 3).map(({ table }) => sql`select * from ${sql(`${table}_all`)} order by bucket`),
  )
  expect(packed).toEqual(plain)
})

it("keeps each sample once when it is packed and added to at once", async () => {
  const samples = hourOf(120)
  await store(samples.slice(0, 60), 1)
  await rollUpNow()
  const work = [
    ...Array.from({ length: 10 }, () => pack()),
    ...Array.from({ length: 10 }, (_, n) => store(samples.slice(60 + n * 6, 66 + n * 6), 10 + n)),
    ...Array.from({ length: 5 }, () => store(samples.slice(0, 60), 1)),
    ...Array.from({ length: 5 }, () => rollUpNow()),
  ]
  await Promise.all(work)
  await rollUpNow()
  await pack()
  expect(await counts("_all")).toEqual([120, expect.anything(), expect.anything(), expect.anything()])
  const [row] = await sql`select sum(samples)::int as samples from control_perf_rollup_1m_all`
  expect(row).toEqual({ samples: 120 })
})

it("knows the newest sample also where all are packed", async () => {
  await store(hourOf(60))
  await rollUpNow()
  const host = HostId.parse("gpu-1")
  const newest = await newestSampleTs(sql, host)
  await pack()
  expect(await newestSampleTs(sql, host)).toBe(newest)
})

it("finds hours with rows, those alone that are aggregated", async () => {
  await store(hourOf(60))
  const tier = PACKED_TIERS[0]
  if (!tier) throw new Error("no tiers")
  const wanted = { fromMs: START - HOUR_MS, toMs: START + HOUR_MS, limit: 10 }
  expect(await hoursToPack(sql, tier, wanted)).toEqual([])
  await rollUpNow()
  expect(await hoursToPack(sql, tier, wanted)).toEqual([{ provider_id: "gpu-1", hour: HOUR }])
  await pack()
  expect(await hoursToPack(sql, tier, wanted)).toEqual([])
})

it("reads a range of packed hours as it reads rows", async () => {
  await store(hourOf(600))
  await store([noisy(5, { gpu: null, sys: null, source: "llama-swap", backfilled: true })])
  await rollUpNow()
  const ranges = [
    [START - 60_000, START + 2 * HOUR_MS],
    [START + 100_500, START + 400_001],
    [START + HOUR_MS, START + 2 * HOUR_MS],
  ] as const
  const readAll = async () => {
    const read: unknown[] = []
    for (const { tier } of PACKED_TIERS) {
      for (const [fromMs, toMs] of ranges)
        read.push(await readReadings(sql, { host: HostId.parse("gpu-1"), tier, fromMs, toMs }))
    }
    return read
  }
  const before = await readAll()
  await pack()
  expect(await counts()).toEqual([0, 0, 0, 0])
  expect(await readAll()).toEqual(before)
})

it("sees each moment once, however many statements read a range", async () => {
  await store(hourOf(600))
  await rollUpNow()
  const startsOf = async (tier: "raw" | "10s", fromMs: number, toMs: number) =>
    (await readReadings(sql, { host: HostId.parse("gpu-1"), tier, fromMs, toMs })).map(
      ({ startMs }) => startMs,
    )
  const samples = hourOf(600).map(({ ts }) => epochMsOf(ts))
  const buckets = Array.from({ length: 120 }, (_, n) => START + n * 10_000)
  for (const packs of [() => Promise.resolve(), pack]) {
    await packs()
    expect(await startsOf("raw", START, START + 600_000)).toEqual(samples.slice(0, 300))
    expect(await startsOf("raw", START - 3 * HOUR_MS, START + HOUR_MS)).toEqual(samples)
    expect(await startsOf("10s", START - HOUR_MS + 5_500, START + HOUR_MS)).toEqual(buckets)
    // The bucket that began before the range reaches into it.
    expect(await startsOf("10s", START + 15_500, START + 1_800_500)).toEqual(buckets.slice(1))
  }
})

it("packs every column there is", async () => {
  for (const { table } of PACKED_TIERS) {
    const rows = await sql<{ c: string; view: string }[]>`
      select attname as c, attrelid::regclass::text as view from pg_attribute
      where attrelid = any(array[${table}, ${`${table}_all`}]::text[]::regclass[]) and attnum > 0 and not attisdropped`
    const of = (name: string) => rows.filter(({ view }) => view === name).map(({ c }) => c)
    expect(new Set(of(`${table}_all`))).toEqual(new Set([...of(table), "hour"]))
  }
})
