import { afterAll, beforeAll, expect, it } from "vitest"
import { HostId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../deploy/test/services/postgres.ts"
import { manualClock } from "./platform/clock-manual.ts"
import { silentLog } from "./platform/log.ts"
import { migrate } from "./platform/migrate.ts"
import { connectPostgres } from "./platform/postgres.ts"
import type { Sql } from "./platform/postgres.ts"
import { keptTables } from "./retention/core/tables.ts"
import { RETAIN, careOptions } from "./retention/retention-for-tests.ts"
import { takeCare } from "./retention/run.ts"
import { ROLLUPS, createTelemetry, createTelemetryStore } from "./telemetry/index.ts"
import { rollUpAll } from "./telemetry/run.ts"
import { perfMessage, sample } from "./telemetry/samples-for-tests.ts"

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOON = Date.UTC(2026, 10, 22, 12)
const OLD = NOON - 3 * DAY
const TABLES = keptTables(ROLLUPS, RETAIN)
const clock = manualClock(NOON)
let sql: Sql
let telemetry: ReturnType<typeof createTelemetry>
let incoming: ReturnType<typeof createTelemetryStore>

beforeAll(async () => {
  const { url } = await testDatabase("packing_care")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  const base = { sql, clock, log: silentLog }
  telemetry = createTelemetry({ ...base, retainDays: RETAIN.perfDays })
  incoming = createTelemetryStore({ ...base, partitions: { ensure: () => Promise.resolve() } })
})
afterAll(() => sql.end())

const care = (nowMs: number) =>
  takeCare(
    { ...careOptions(sql, manualClock(nowMs), { packing: telemetry, tiers: ROLLUPS }), tables: TABLES },
    new AbortController().signal,
  )
const store = (host: string, fromMs: number, count: number, seq: number) =>
  incoming.storeBatch([
    perfMessage(
      Array.from({ length: count }, (_, n) => sample(fromMs + n * 10_000)),
      { host, seq },
    ),
  ])
const stored = async (table: string): Promise<number> =>
  (await sql<{ n: number }[]>`select count(*) as n from ${sql(table)}`)[0]?.n ?? -1
const samplesIn = async (table: string): Promise<number> =>
  (await sql<{ n: number }[]>`select coalesce(sum(samples), 0) as n from ${sql(table)}`)[0]?.n ?? -1

it("packs what is old, takes what comes late, packs it again, and drops it when its time is over", async () => {
  for (const host of ["gpu-1", "gpu-2"]) {
    await store(host, OLD, 400, 1)
    await store(host, NOON - HOUR, 30, 2)
  }
  await rollUpAll(sql, NOON)
  // What came only now stays, however old it is.
  expect((await care(NOON)).packed).toBeUndefined()
  await sql`update control_perf_samples set created_at = created_at - interval '25 hours'`
  // 400 samples are two hours.
  expect((await care(NOON)).packed).toEqual(
    Object.fromEntries(TABLES.flatMap(({ table, packed }) => (packed ? [[table, 4]] : []))),
  )
  expect(await stored("control_perf_samples")).toBe(60)
  expect(await stored("control_perf_samples_packed_20261119")).toBe(4)
  expect(await stored("control_perf_samples_all")).toBe(860)

  const again = [store("gpu-1", OLD, 400, 1), store("gpu-1", OLD + 5_000, 1, 3)]
  await Promise.all(again)
  await rollUpAll(sql, NOON)
  expect(await stored("control_perf_samples_all")).toBe(861)
  await sql`update control_perf_samples set created_at = created_at - interval '25 hours'`
  await care(NOON)
  expect(await stored("control_perf_samples")).toBe(60)
  expect(await stored("control_perf_samples_all")).toBe(861)
  for (const { table } of ROLLUPS)
    expect(await samplesIn(table === "control_perf_rollup_1h" ? table : `${table}_all`)).toBe(861)
  expect(await telemetry.newestSampleTs(HostId.parse("gpu-2"))).toBe(instantOf(NOON - HOUR + 29 * 10_000))

  const { dropped, refused } = await care(NOON + 7 * DAY)
  expect(refused).toEqual([])
  expect(dropped).toContain("control_perf_samples_packed_20261119")
  // The newer ones are old by now, and have another day.
  expect(await stored("control_perf_samples_all")).toBe(60)
  expect(await stored("control_perf_samples_packed")).toBe(2)
  expect(await samplesIn("control_perf_rollup_10s_all")).toBe(861)
})
