import fc from "fast-check"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import type { ActivityStatsRow, ObservedRequest } from "@boocontrol/shared/activity"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { createActivity } from "./index.ts"
import type { Activity } from "./index.ts"
import { activityMessage, observed } from "./samples-for-tests.ts"
import { LONGER_SUMS, requestStats } from "./store/stats.ts"
import { sumUpAll as sumUpSome, sumUpHours } from "./store/sums.ts"
import type { StatsWanted } from "./store/stats.ts"

const HOUR = 3_600_000
const NOON = Date.UTC(2026, 10, 22, 12)
const clock = manualClock(NOON)
let sql: Sql
let activity: Activity
let entry = 0

beforeAll(async () => {
  const { url } = await testDatabase("activity_stats")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  const partitions = { ensure: () => Promise.resolve() }
  activity = createActivity({ sql, clock, log: silentLog, partitions, nc: { publish: () => undefined } })
})
afterAll(() => sql.end())
beforeEach(async () => {
  await empty()
})

async function empty(): Promise<void> {
  await sql`truncate control_requests, control_request_stats, control_request_days, control_request_quarters,
    control_dirty_request_hours, control_dirty_request_days, control_dirty_request_quarters`
}

const row = (atMs: number, given: Partial<ObservedRequest> = {}) =>
  observed({ swap_entry_id: ++entry, ts: instantOf(atMs), ...given })
const store = (host: string, ...rows: ObservedRequest[]) =>
  activity.storeBatch([activityMessage(rows, [], host)], { redelivered: false })

async function sumUpAll(nowMs = NOON): Promise<void> {
  while ((await sumUpSome(sql, nowMs)) > 0);
}

const sums = async () =>
  (await sql`select s::text as text from control_request_stats s order by 1`).map((one) =>
    String(one["text"]),
  )
const marks = async () =>
  (await sql`select provider_id, hour from control_dirty_request_hours order by 1, 2`).map((one) =>
    Object.values(one),
  )
const wanted = (fromMs: number, toMs: number, more: Partial<StatsWanted> = {}): StatsWanted => ({
  from: instantOf(fromMs),
  to: instantOf(toMs),
  ...more,
})

/** The same figures, straight from the rows. Means are of whole millionths, and of microseconds. */
async function counted({ from, to }: StatsWanted): Promise<ActivityStatsRow[]> {
  const rows = await sql<ActivityStatsRow[]>`
    select provider_id, model, source, count(*) as requests,
      count(*) filter (where status_code >= 400 or error is not null) as errors,
      sum(prompt_tokens)::bigint as prompt_tokens, sum(cache_tokens)::bigint as cache_tokens,
      sum(output_tokens)::bigint as output_tokens,
      (sum(round(gen_tps::numeric * 1000000)) / nullif(count(gen_tps) * 1000000, 0))::float8 as gen_tps_mean,
      (sum(round(prompt_tps::numeric * 1000000)) / nullif(count(prompt_tps) * 1000000, 0))::float8 as prompt_tps_mean,
      (sum(round(duration_ms::numeric * 1000)) / nullif(count(duration_ms) * 1000, 0))::float8 as duration_ms_mean
    from control_requests where ts >= ${from} and ts < ${to}
    group by 1, 2, 3 order by requests desc, provider_id, model, source`
  return [...rows]
}

const someRequest = fc.record({
  host: fc.constantFrom("gpu-1", "gpu-2"),
  minutesAgo: fc.integer({ min: 0, max: 400 }),
  model: fc.constantFrom("a", "b"),
  source: fc.constantFrom("boochat", null),
  status_code: fc.constantFrom(200, 404, 502, null),
  error: fc.constantFrom("gone", null),
  gen_tps: fc.option(fc.double({ min: 0, max: 300, noNaN: true }), { nil: null }),
  prompt_tokens: fc.option(fc.integer({ min: 0, max: 9_000 }), { nil: null }),
})

it("says the same as the rows, in any range, whatever is summed up already and whatever comes after", async () => {
  const range = fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 400 }))
  const requests = fc.array(someRequest, { maxLength: 25 })
  await fc.assert(
    fc.asyncProperty(requests, requests, range, async (early, late, [endsAgo, minutes]) => {
      await empty()
      const asked = wanted(NOON - (endsAgo + minutes) * 60_000, NOON - endsAgo * 60_000)
      for (const batch of [early, late]) {
        for (const { host, minutesAgo, ...given } of batch)
          await store(host, row(NOON - minutesAgo * 60_000, given))
        expect(await requestStats(sql, asked)).toEqual(await counted(asked))
        await sumUpAll()
        expect(await requestStats(sql, asked)).toEqual(await counted(asked))
      }
    }),
    { numRuns: 25 },
  )
})

it("says the same as the rows over days, whatever of them is added up and whatever comes after", async () => {
  const inDays = fc.record({
    host: fc.constantFrom("gpu-1", "gpu-2"),
    minutesAgo: fc.integer({ min: 0, max: 5 * 24 * 60 }),
    model: fc.constantFrom("a", "b"),
    status_code: fc.constantFrom(200, 404, null),
    gen_tps: fc.option(fc.double({ min: 0, max: 300, noNaN: true }), { nil: null }),
  })
  const requests = fc.array(inDays, { maxLength: 25 })
  const minutes = fc.integer({ min: 1, max: 5 * 24 * 60 })
  await fc.assert(
    fc.asyncProperty(requests, requests, minutes, minutes, async (early, late, endsAgo, long) => {
      await empty()
      const asked = wanted(NOON - (endsAgo + long) * 60_000, NOON - endsAgo * 60_000)
      for (const batch of [early, late]) {
        for (const { host, minutesAgo, ...given } of batch)
          await store(host, row(NOON - minutesAgo * 60_000, given))
        expect(await requestStats(sql, asked)).toEqual(await counted(asked))
        await sumUpHours(sql, NOON)
        expect(await requestStats(sql, asked)).toEqual(await counted(asked))
        await sumUpAll()
        expect(await requestStats(sql, asked)).toEqual(await counted(asked))
      }
    }),
    { numRuns: 15 },
  )
})

it.each(LONGER_SUMS)(
  "adds up a $column when it is over, reads it, and gives the same bytes again",
  async (longer) => {
    const { table, column, marks: marked, widthMs } = longer
    const whole = async () =>
      (await sql`select s::text as text from ${sql(table)} s order by 1`).map((one) => String(one["text"]))
    const over = Math.floor(NOON / widthMs) * widthMs - 2 * widthMs
    await store(
      "gpu-1",
      row(over, { gen_tps: 0.1 }),
      row(over + HOUR, { gen_tps: 0.2 }),
      row(NOON - 3 * HOUR),
    )
    await sumUpAll(NOON - HOUR)
    const before = await whole()
    expect(before).toHaveLength(1)
    expect(await sql`select ${sql(column)} as at from ${sql(marked)}`).toEqual([
      { at: instantOf(Math.floor((NOON - 3 * HOUR) / widthMs) * widthMs) },
    ])
    await sql`insert into ${sql(marked)} select ${sql(column)}, provider_id from ${sql(table)}`
    await sumUpAll(NOON - HOUR)
    expect(await whole()).toEqual(before)
    const asked = wanted(over - HOUR, over + widthMs)
    const figures = await requestStats(sql, asked)
    expect(figures[0]?.requests).toBe(2)
    await sql`delete from control_request_stats`
    expect(await requestStats(sql, asked)).toEqual(figures)
  },
)

it.each(["ok", "error", "502", "200"])(
  "counts requests of status %s alike from sums and from rows",
  async (status) => {
    for (const [n, code] of [200, 200, 404, 502, null].entries())
      await store("gpu-1", row(NOON - 3 * HOUR + n, { status_code: code, error: n === 1 ? "gone" : null }))
    const asked = wanted(NOON - 4 * HOUR, NOON, { status: [status] })
    const before = await requestStats(sql, asked)
    await sumUpAll()
    expect(await requestStats(sql, asked)).toEqual(before)
    expect(before[0]?.requests).toBe({ ok: 1, error: 3, "502": 1, "200": 2 }[status])
  },
)

it("sums up an hour when it is over, and gives the same bytes when it does so again", async () => {
  await store("gpu-1", row(NOON - 90 * 60_000, { gen_tps: 0.1 }), row(NOON - 95 * 60_000, { gen_tps: 0.2 }))
  await store("gpu-2", row(NOON - 5 * 60_000))
  await sumUpAll()
  expect(await marks()).toEqual([["gpu-2", instantOf(NOON - HOUR)]])
  const before = await sums()
  expect(before).toHaveLength(1)
  await sql`insert into control_dirty_request_hours select hour, provider_id, hour from control_request_stats`
  await sumUpAll()
  expect(await sums()).toEqual(before)
  await sumUpAll(NOON + 2 * 60_000)
  expect(await sums()).toHaveLength(2)
})

it("sums up again what a late row or a source that came later changed, and nothing for what says nothing new", async () => {
  const first = row(NOON - 3 * HOUR, { source: null })
  await store("gpu-1", first)
  await sumUpAll()
  await store("gpu-1", first)
  expect(await marks()).toEqual([])
  await store("gpu-1", { ...first, client_ip: "10.0.0.9" })
  expect(await marks()).toEqual([])
  await store("gpu-1", { ...first, source: "arena" })
  expect(await marks()).toEqual([["gpu-1", instantOf(NOON - 3 * HOUR)]])
  await sumUpAll()
  const [only, ...others] = await requestStats(sql, wanted(NOON - 5 * HOUR, NOON))
  expect(only).toMatchObject({ source: "arena", requests: 1 })
  expect(others).toEqual([])
})

it("keeps what was summed up when its rows are gone", async () => {
  await store("gpu-1", row(NOON - 3 * HOUR), row(NOON - 3 * HOUR + 1))
  await sumUpAll()
  const before = await sums()
  await sql`truncate control_requests`
  await store("gpu-1", row(NOON - 3 * HOUR + 2))
  await sumUpAll()
  expect(await sums()).toEqual(before)
})

it("loses no request when several hubs store and sum up at once", async () => {
  const storing = { done: false }
  const hub = async (): Promise<void> => {
    while (!storing.done) await sumUpHours(sql, NOON)
  }
  const hubs = [hub(), hub()]
  const batches = Array.from({ length: 40 }, (_, n) =>
    ["gpu-1", "gpu-2"].map((host) => store(host, row(NOON - 3 * HOUR + n))),
  )
  await Promise.all(batches.flat()).finally(() => (storing.done = true))
  await Promise.all(hubs)
  await sumUpAll()
  const [total] = await sql`select sum(requests)::int as requests from control_request_stats`
  expect(total).toEqual({ requests: 80 })
})

it("sums up what no clock and no machine can have meant, without losing what it stands beside", async () => {
  const absurd = { duration_ms: 1e300, gen_tps: 1e305, prompt_tps: 0.000_000_1 }
  await store("gpu-1", row(NOON - 3 * HOUR, absurd), row(NOON - 3 * HOUR + 1, { model: "b", gen_tps: 61.7 }))
  await store("gpu-1", row(NOON - 3 * HOUR + 2, absurd))
  const asked = wanted(NOON - 4 * HOUR, NOON)
  const before = await requestStats(sql, asked)
  expect(before).toMatchObject([
    { requests: 2, duration_ms_mean: 1e9, gen_tps_mean: 1e6, prompt_tps_mean: 0 },
    { requests: 1, gen_tps_mean: 61.7 },
  ])
  await sumUpAll()
  expect(await requestStats(sql, asked)).toEqual(before)
})

it("sums up in the background and stops when told", async () => {
  await store("gpu-1", row(NOON - 3 * HOUR))
  activity.start()
  activity.start()
  clock.advance(15_000)
  await activity.stop()
  await activity.stop()
  expect(await sums()).toHaveLength(1)
  expect(clock.pending()).toBe(0)
})
