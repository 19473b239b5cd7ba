import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { keptTables } from "./core/tables.ts"
import type { PackingPort } from "./ports.ts"
import { RETAIN, TIERS, careOptions } from "./retention-for-tests.ts"
import { takeCare } from "./run.ts"
import { createPartition } from "./store/partitions.ts"
import { slotOf } from "./core/partitions.ts"

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOON = Date.UTC(2026, 10, 22, 12)
const TABLES = keptTables(TIERS, RETAIN)
const OLD = slotOf("day", NOON - 3 * DAY).fromMs
let sql: Sql
let asked: { table: string; fromMs: number; toMs: number; afterMs: number }[] = []

beforeAll(async () => {
  const { url } = await testDatabase("care_packing")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
})
afterAll(() => sql.end())
beforeEach(async () => {
  asked = []
  const names = await sql<{ name: string }[]>`
    select inhrelid::regclass::text as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where c.relkind = 'r' and pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'`
  for (const { name } of names) await sql.unsafe(`drop table ${name}`)
  await sql.unsafe(`truncate ${TABLES.map(({ table }) => table).join(", ")}, control_dirty_buckets`)
})

const table = (name: string) => {
  const found = TABLES.find((kept) => kept.table === name)
  if (!found) throw new Error(name)
  return found
}
const recording: PackingPort = {
  pack: (wanted) => {
    asked.push(wanted)
    return Promise.resolve({ packed: 2, waiting: 0 })
  },
}
const care = (nowMs = NOON, packing = recording) =>
  takeCare(
    { ...careOptions(sql, manualClock(nowMs), { packing }), tables: TABLES },
    new AbortController().signal,
  )

async function packedHour(name: string, atMs: number, samples: number): Promise<void> {
  await sql`
    insert into ${sql(name)} (provider_id, hour, rows, samples, first_at, last_at, head, body, packed_at)
    values ('gpu-1', ${instantOf(atMs)}, ${samples}, ${samples}, ${instantOf(atMs)}, ${instantOf(atMs)},
      '{"v":1,"shapes":[]}', '', clock_timestamp() - interval '1 minute')`
}
const insertSample = (atMs: number) => sql`
  insert into control_perf_samples (provider_id, ts, source, boot, seq)
  values ('gpu-1', ${instantOf(atMs)}, 'os', ${randomUUID()}, 1)`
const namesOf = async (like: string) =>
  (await sql`select relname from pg_class where relkind = 'r' and relname like ${like} order by 1`).map(
    (row) => row["relname"],
  )

it("has what is older than a day packed, and makes room for it of the same stretch", async () => {
  await createPartition(sql, table("control_perf_samples"), slotOf("day", OLD))
  await createPartition(sql, table("control_perf_samples"), slotOf("day", NOON - DAY))
  await createPartition(sql, table("control_perf_samples"), slotOf("day", NOON))
  await insertSample(OLD + HOUR)
  const { packed } = await care()
  const fromMs = slotOf("day", NOON - DAY).fromMs
  expect(asked).toEqual([
    { table: "control_perf_samples", fromMs: OLD, toMs: OLD + DAY, afterMs: DAY },
    { table: "control_perf_samples", fromMs, toMs: NOON - DAY, afterMs: DAY },
  ])
  expect(packed).toEqual({ control_perf_samples: 4 })
  expect(await namesOf("control_perf_samples_packed_2%")).toEqual([
    "control_perf_samples_packed_20261119",
    "control_perf_samples_packed_20261121",
  ])
})

it("packs for a while at a time, and says that there is more", async () => {
  for (const day of [5, 4, 3])
    await createPartition(sql, table("control_perf_samples"), slotOf("day", NOON - day * DAY))
  for (const day of [5, 4, 3]) await insertSample(slotOf("day", NOON - day * DAY).fromMs + HOUR)
  const clock = manualClock(NOON)
  const slow: PackingPort = {
    pack: (wanted) => {
      asked.push(wanted)
      clock.advance(25_000)
      return Promise.resolve({ packed: 1, waiting: 0 })
    },
  }
  const run = () =>
    takeCare({ ...careOptions(sql, clock, { packing: slow }), tables: TABLES }, new AbortController().signal)
  expect(await run()).toMatchObject({ packed: { control_perf_samples: 2 }, unfinished: true })
  expect(asked).toHaveLength(2)
  expect((await care()).unfinished).toBeUndefined()
})

it("gives back the space of a day that was packed as a whole, unless somebody may still read it as it was", async () => {
  await createPartition(sql, table("control_perf_samples"), slotOf("day", OLD))
  await createPartition(sql, table("control_perf_samples_packed"), slotOf("day", OLD))
  await insertSample(OLD + HOUR)
  await packedHour("control_perf_samples_packed", OLD + HOUR, 1)
  await sql`delete from control_perf_samples`
  const bytes = async () =>
    (await sql`select pg_relation_size('control_perf_samples_20261119') as bytes`)[0]?.["bytes"]
  await sql.begin(async (tx) => {
    await tx`select 1`
    await sql`update control_perf_samples_packed set packed_at = clock_timestamp()`
    await care()
    expect(await bytes()).toBeGreaterThan(0)
  })
  await care()
  expect(await bytes()).toBe(0)
  // It is there for what comes late.
  await insertSample(OLD + 2 * HOUR)
  expect((await sql`select tableoid::regclass::text as place from control_perf_samples`)[0]).toEqual({
    place: "control_perf_samples_20261119",
  })
})

it("drops packed days when their window is over, those alone that the next tier holds, packed or not", async () => {
  const gone = slotOf("day", NOON - 9 * DAY)
  await createPartition(sql, table("control_perf_samples_packed"), gone)
  await packedHour("control_perf_samples_packed", gone.fromMs + HOUR, 3_600)
  expect((await care()).refused).toEqual([{ what: "control_perf_samples_packed_20261113", why: "uncovered" }])
  // So that the hour comes back as rows, and each of its buckets is looked at.
  expect(await sql`select tier, bucket from control_dirty_buckets`).toEqual([
    { tier: "10s", bucket: instantOf(gone.fromMs + HOUR) },
  ])
  await sql`delete from control_dirty_buckets`
  await packedHour("control_perf_rollup_10s_packed", gone.fromMs + HOUR, 3_599)
  expect((await care()).refused).toMatchObject([{ why: "uncovered" }])
  await sql`delete from control_dirty_buckets`
  await sql`update control_perf_rollup_10s_packed set samples = 3600`
  expect((await care()).dropped).toContain("control_perf_samples_packed_20261113")
})

it("drops rows whose aggregates are packed already", async () => {
  const gone = slotOf("day", NOON - 9 * DAY)
  await createPartition(sql, table("control_perf_samples"), gone)
  await insertSample(gone.fromMs + HOUR)
  await insertSample(gone.fromMs + HOUR + 20_000)
  await packedHour("control_perf_rollup_10s_packed", gone.fromMs + HOUR, 1)
  expect((await care()).refused).toEqual([{ what: "control_perf_samples_20261113", why: "uncovered" }])
  await sql`delete from control_dirty_buckets`
  await sql`update control_perf_rollup_10s_packed set samples = 2`
  expect((await care()).dropped).toEqual(["control_perf_samples_20261113"])
})
