import { afterAll, beforeAll, expect, it } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { DAY_MS, dayOf, daysAhead, deservesPartition, partitionOf } from "./core.ts"
import { createRetention } from "./index.ts"

const NOON_MS = Date.UTC(2026, 10, 22, 12)
let sql: Sql

beforeAll(async () => {
  const { url } = await testDatabase("retention")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
})
afterAll(() => sql.end())

function retentionAt(clock = manualClock(NOON_MS)) {
  const keptDays = { control_requests: 90, control_perf_samples: 7 }
  return createRetention({ sql, clock, log: silentLog, keptDays })
}

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

it("names a partition by its day, from midnight to midnight UTC", () => {
  expect(partitionOf("control_requests", dayOf(Date.UTC(2026, 10, 22, 23, 59)))).toEqual({
    name: "control_requests_20261122",
    from: "2026-11-22T00:00:00.000Z",
    to: "2026-11-23T00:00:00.000Z",
  })
})

it("covers yesterday, today and a week ahead", () => {
  const today = dayOf(NOON_MS)
  expect(daysAhead(NOON_MS)).toEqual([-1, 0, 1, 2, 3, 4, 5, 6, 7].map((offset) => today + offset))
})

it.each([
  [0, true],
  [-90, true],
  [-91, false],
  [7, true],
  [8, false],
  [30_000, false],
])("judges a day %i days from now", (offset, deserves) => {
  expect(deservesPartition(dayOf(NOON_MS) + offset, NOON_MS, 90)).toBe(deserves)
})

it("makes partitions at the start, by several hubs at once, and again as days pass", async () => {
  const clock = manualClock(NOON_MS)
  const hubs = [retentionAt(clock), retentionAt(clock), retentionAt(clock)]
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
  const retention = retentionAt()
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
  const retention = retentionAt()
  const before = await partitions("control_perf_samples")
  const wrong = [Date.UTC(1970, 0, 2), Date.UTC(2099, 0, 1), NOON_MS - 8 * DAY_MS]
  await retention.ensure("control_perf_samples", wrong.map(instantOf))
  for (const atMs of wrong) await insertAt(atMs)
  expect(await partitions("control_perf_samples")).toEqual(before)
  await retention.start()
  await retention.stop()
  expect(retention.defaultRows()).toEqual({ control_requests: 0, control_perf_samples: 3 })
})

it("does not fail those who insert when a partition cannot be made", async () => {
  const { url } = await testDatabase("retention_away")
  const away = connectPostgres(url, { log: silentLog, max: 1 })
  const keptDays = { control_requests: 90, control_perf_samples: 7 }
  const retention = createRetention({ sql: away, clock: manualClock(NOON_MS), log: silentLog, keptDays })
  await retention.ensure("control_requests", [instantOf(NOON_MS)])
  expect((await away`select to_regclass('control_requests_20261122') as made`)[0]).toEqual({ made: null })
  await away.end()
})
