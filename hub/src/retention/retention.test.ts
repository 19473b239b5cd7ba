import { afterAll, beforeAll, expect, it } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import {
  DAY_MS,
  deservesPartition,
  partitionName,
  slotOf,
  slotsAhead,
  spanOfBound,
} from "./core/partitions.ts"
import { retentionAt } from "./retention-for-tests.ts"

const NOON_MS = Date.UTC(2026, 10, 22, 12)
let sql: Sql

beforeAll(async () => {
  const { url } = await testDatabase("retention")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
})
afterAll(() => sql.end())

async function partitions(table: string): Promise<string[]> {
  const rows = await sql`
    select inhrelid::regclass::text as name from pg_inherits where inhparent = ${table}::regclass order by 1`
  return rows.map((row) => String(row["name"]))
}

async function insertAt(atMs: number): Promise<void> {
  await sql`
    insert into control_perf_samples (provider_id, ts, source, boot, seq)
    values ('gpu-1', ${instantOf(atMs)}, 'os', gen_random_uuid(), 1)`
}

it.each([
  ["day", "2026-11-22T00:00:00.000Z", "2026-11-23T00:00:00.000Z", "t_20261122"],
  ["month", "2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z", "t_202611"],
  ["year", "2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z", "t_2026"],
] as const)("names a partition by its %s, from midnight to midnight UTC", (period, from, to, name) => {
  const slot = slotOf(period, Date.UTC(2026, 10, 22, 23, 59))
  expect([slot.fromMs, slot.toMs].map(instantOf)).toEqual([from, to])
  expect(partitionName("t", period, slot)).toBe(name)
})

it("covers yesterday, today and a week ahead", () => {
  const days = slotsAhead("day", NOON_MS).map(
    ({ fromMs }) => (fromMs - slotOf("day", NOON_MS).fromMs) / DAY_MS,
  )
  expect(days).toEqual([-1, 0, 1, 2, 3, 4, 5, 6, 7])
  const months = slotsAhead("month", Date.UTC(2026, 11, 28)).map((slot) => partitionName("t", "month", slot))
  expect(months).toEqual(["t_202612", "t_202701"])
})

it.each([
  [0, true],
  [-90, true],
  [-91, false],
  [7, true],
  [8, false],
  [30_000, false],
])("judges a day %i days from now", (offset, deserves) => {
  expect(deservesPartition(slotOf("day", NOON_MS + offset * DAY_MS), NOON_MS, 90)).toBe(deserves)
})

it("reads bounds as Postgres writes them", () => {
  expect(spanOfBound("FOR VALUES FROM ('2026-11-22 00:00:00+00') TO ('2026-11-23 00:00:00+00')")).toEqual(
    slotOf("day", NOON_MS),
  )
  expect(spanOfBound("DEFAULT")).toBeNull()
})

it("makes partitions at the start, by several hubs at once, and again as days pass", async () => {
  const clock = manualClock(NOON_MS)
  const hubs = [retentionAt(sql, clock), retentionAt(sql, clock), retentionAt(sql, clock)]
  await Promise.all(hubs.map((hub) => hub.start()))
  for (const table of ["control_requests", "control_perf_samples"]) {
    const made = await partitions(table)
    expect(made).toHaveLength(10)
    expect(made).toContain(`${table}_20261121`)
    expect(made).toContain(`${table}_20261129`)
  }
  clock.advance(DAY_MS)
  await Promise.all(hubs.map((hub) => hub.stop()))
  expect(await partitions("control_requests")).toContain("control_requests_20261130")
  expect(clock.pending()).toBe(0)
})

it("makes a partition for late rows, with the indexes of the table, and takes over what waits in the default one", async () => {
  const late = NOON_MS - 5 * DAY_MS
  await insertAt(late)
  const retention = retentionAt(sql, manualClock(NOON_MS))
  await retention.ensure("control_perf_samples", [instantOf(late + 1), instantOf(late + 2)])
  await insertAt(late + 1)
  const rows =
    await sql`select tableoid::regclass::text as place from control_perf_samples where ts <= ${instantOf(late + 1)}`
  expect(rows.map((row) => row["place"])).toEqual([
    "control_perf_samples_20261117",
    "control_perf_samples_20261117",
  ])
  await expect(insertAt(late)).rejects.toThrow(/duplicate key/)
})

it("leaves rows of a wrong clock to the default partition, and counts them", async () => {
  const retention = retentionAt(sql, manualClock(NOON_MS))
  const before = await partitions("control_perf_samples")
  const wrong = [Date.UTC(1970, 0, 2), Date.UTC(2099, 0, 1), NOON_MS - 8 * DAY_MS]
  await retention.ensure("control_perf_samples", wrong.map(instantOf))
  for (const atMs of wrong) await insertAt(atMs)
  expect(await partitions("control_perf_samples")).toEqual(before)
  await retention.start()
  await retention.stop()
  expect(retention.defaultRows()).toMatchObject({ control_requests: 0, control_perf_samples: 3 })
})

it("does not fail those who insert when a partition cannot be made", async () => {
  const { url } = await testDatabase("retention_away")
  const away = connectPostgres(url, { log: silentLog, max: 1 })
  const retention = retentionAt(away, manualClock(NOON_MS))
  await retention.ensure("control_requests", [instantOf(NOON_MS)])
  expect((await away`select to_regclass('control_requests_20261122') as made`)[0]).toEqual({ made: null })
  await away.end()
})
