import fc from "fast-check"
import Fastify from "fastify"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { pageOf } from "@boocontrol/shared/http"
import { CompletenessRow, CompletenessToday } from "@boocontrol/shared/retention"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { installHttpRules } from "../platform/http.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { expectedSeconds, gapOfNote, gapsOfDay, percentOf } from "./core/completeness.ts"
import { slotOf } from "./core/partitions.ts"
import { careOptions, knownHost, retentionAt } from "./retention-for-tests.ts"
import { countDays } from "./run.ts"

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOON = Date.UTC(2026, 10, 22, 12)
const TODAY = slotOf("day", NOON)

it.each([
  ["a day that is over", TODAY.fromMs - DAY, TODAY.toMs + DAY, 86_400],
  ["today until now, but for what is on its way", TODAY.fromMs - DAY, NOON, 43_170],
  ["from when the host was known", NOON - HOUR, NOON, 3_570],
  ["a day before the host was known", TODAY.toMs, TODAY.toMs + DAY, null],
  ["nothing at all in its first second", NOON, NOON + 1_000, 0],
])("expects a sample a second of %s", (_what, knownFromMs, nowMs, expected) => {
  expect(expectedSeconds(TODAY, { knownFromMs, nowMs })).toBe(expected)
})

const pause = (from: number, to: number | null) => ({
  fromMs: TODAY.fromMs + from * HOUR,
  toMs: to === null ? null : TODAY.fromMs + to * HOUR,
})

it.each([
  ["an hour of it", [pause(3, 4)], 23],
  ["an hour, within two others that overlap", [pause(5, 7), pause(2, 4), pause(3, 6), pause(3, 4)], 19],
  ["from the day before", [pause(-30, 2)], 22],
  ["beyond its end", [pause(20, 30)], 20],
  ["since", [pause(20, null)], 20],
  ["all of it", [pause(-1, null)], 0],
  ["another day", [pause(-5, -1), pause(25, 30)], 24],
])("expects nothing while a host was disabled: %s", (_what, pauses, hours) => {
  const known = { knownFromMs: TODAY.fromMs - DAY, nowMs: TODAY.toMs + DAY }
  expect(expectedSeconds(TODAY, { ...known, pauses })).toBe(hours * 3_600)
})

it.each([
  [86_400, 86_400, 100],
  [86_400, 86_399, 99.99],
  [86_400, 86_430, 100],
  [86_400, 0, 0],
  [0, 0, null],
  [null, 5, null],
])("of %s seconds %s are %s percent", (expected, present, percent) => {
  expect(percentOf(expected, present)).toBe(percent)
})

const at = (hour: number) => TODAY.fromMs + hour * HOUR

it.each([
  ["none", [], { gaps: 0, gapS: 0 }],
  [
    "two, the second within the first",
    [
      [1, 4],
      [2, 3],
    ],
    { gaps: 2, gapS: 3 * 3_600 },
  ],
  [
    "two that overlap",
    [
      [1, 3],
      [2, 4],
    ],
    { gaps: 2, gapS: 3 * 3_600 },
  ],
  ["one that began the day before", [[-5, 1]], { gaps: 1, gapS: 3_600 }],
  ["one of all the day", [[-5, 30]], { gaps: 1, gapS: 86_400 }],
  ["one of another day", [[25, 26]], { gaps: 0, gapS: 0 }],
  [
    "one of which nobody knows the beginning",
    [
      [null, 2],
      [3, 4],
    ],
    { gaps: 2, gapS: null },
  ],
])("counts gaps of a day: %s", (_what, gaps, expected) => {
  const given = gaps.map(([from, to]) => ({
    fromMs: from === null || from === undefined ? null : at(from),
    toMs: at(to ?? 0),
  }))
  expect(gapsOfDay(given, TODAY)).toEqual(expected)
})

it("covers no more with gaps than the day has, in whatever order they are given", () => {
  const gap = fc.tuple(fc.integer({ min: -30, max: 50 }), fc.integer({ min: 0, max: 40 }))
  fc.assert(
    fc.property(fc.array(gap, { maxLength: 6 }), (given) => {
      const gaps = given.map(([from, hours]) => ({ fromMs: at(from), toMs: at(from + hours) }))
      const { gapS } = gapsOfDay(gaps, TODAY)
      expect(gapsOfDay(gaps.toReversed(), TODAY).gapS).toBe(gapS)
      const covered = Array.from({ length: 24 }, (_, hour) =>
        given.some(([from, hours]) => from <= hour && hour + 1 <= from + hours),
      )
      expect(gapS).toBe(covered.filter(Boolean).length * 3_600)
    }),
  )
})

it("takes a note that says less than it should for what it says", () => {
  const ts = instantOf(NOON)
  expect(gapOfNote(ts, { from: instantOf(NOON - HOUR), to: instantOf(NOON) })).toEqual({
    fromMs: NOON - HOUR,
    toMs: NOON,
  })
  for (const detail of [{}, null, { from: null }, { from: "yesterday" }])
    expect(gapOfNote(ts, detail)).toEqual({ fromMs: null, toMs: NOON })
})

let sql: Sql
const app = Fastify()
const clock = manualClock(NOON)

beforeAll(async () => {
  const { url } = await testDatabase("completeness")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  installHttpRules(app)
  await app.register(retentionAt(sql, clock).routes)
})
afterAll(async () => {
  await app.close()
  await sql.end()
})
beforeEach(async () => {
  await sql`truncate control_completeness, control_dirty_days, control_perf_rollup_1h, control_perf_rollup_5m,
    control_perf_rollup_1m, control_perf_rollup_10s, control_model_events`
})

async function hour(host: string, atMs: number, seconds: number): Promise<void> {
  await sql`
    insert into control_perf_rollup_1h (provider_id, bucket, samples, backfilled, seconds)
    values (${host}, ${instantOf(atMs)}, ${seconds}, 2, ${seconds})
    on conflict (provider_id, bucket) do update set seconds = excluded.seconds`
}

/** Buckets of a tier in which no second is missing, from the first to before `toMs`. */
async function whole(tier: "5m" | "1m" | "10s", fromMs: number, toMs: number): Promise<void> {
  const widthS = { "5m": 300, "1m": 60, "10s": 10 }[tier]
  await sql`
    insert into ${sql(`control_perf_rollup_${tier}`)} (provider_id, bucket, samples, backfilled, seconds)
    select 'gpu-1', bucket, ${widthS}, 0, ${widthS}
    from generate_series(${instantOf(fromMs)}::timestamptz, ${instantOf(toMs - 1)}::timestamptz,
      ${`${widthS} seconds`}::interval) as bucket`
}

const count = (nowMs: number, ...hosts: ReturnType<typeof knownHost>[]) =>
  countDays({
    ...careOptions(sql, manualClock(nowMs)),
    ...{ tables: [], hosts: { rows: () => hosts } },
  })

const stored = async () =>
  (
    await sql`select provider_id, day::text as day, expected_s, present_s, gaps, gap_s from control_completeness order by day, provider_id`
  ).map((row) => Object.values(row))

it("counts today and yesterday of every host that is on, also where nothing came", async () => {
  await hour("gpu-1", at(0), 3_600)
  await hour("gpu-1", at(1), 3_000)
  await count(
    at(2),
    knownHost("gpu-1", at(-30)),
    knownHost("gpu-2", at(1)),
    knownHost("gpu-3", at(-30), false),
  )
  expect(await stored()).toEqual([
    ["gpu-1", "2026-11-21", 86_400, 0, 0, 0],
    ["gpu-1", "2026-11-22", 7_170, 6_600, 0, 0],
    ["gpu-2", "2026-11-22", 3_570, 0, 0, 0],
  ])
})

// What the tiers hold while nothing is missing: each is behind by as much as it is coarse.
it.each([
  ["its first minutes, of which the tier of hours has nothing yet", 3 * 60 + 20, 170 + 20],
  ["one of which the tier of hours has all but five minutes", 38 * 60 + 50, 38 * 60 + 40],
  ["one that is about to end", 60 * 60 - 1, 59 * 60 + 40],
  ["one that has just ended", 61 * 60 + 30, 61 * 60 + 20],
])("knows the hour that runs up to some seconds ago: %s", async (_what, sinceS, presentS) => {
  const nowMs = at(0) + sinceS * 1_000
  const ended = (widthMs: number) => Math.floor((nowMs - 10_000) / widthMs) * widthMs
  await whole("10s", at(0), ended(10_000))
  await whole("1m", at(0), ended(60_000))
  await whole("5m", at(0), ended(300_000))
  await hour("gpu-1", at(0), Math.max(0, Math.min(3_600, sinceS - 330)))
  await count(nowMs, knownHost("gpu-1", at(0)))
  expect(await stored()).toEqual([["gpu-1", "2026-11-22", sinceS - 30, presentS, 0, 0]])
})

it("does not count what was fetched from before a host was known for what is missing since", async () => {
  await hour("gpu-1", at(0), 3_600)
  await hour("gpu-1", at(1), 3_600)
  await whole("5m", at(2), at(2) + 10 * 60_000)
  await count(at(3) - 60_000, knownHost("gpu-1", at(1.75)))
  expect(await stored()).toEqual([["gpu-1", "2026-11-22", 74 * 60 - 30, 900 + 600, 0, 0]])
  await sql`truncate control_completeness`
  await count(at(3) - 60_000, knownHost("gpu-1", at(2) + 6 * 60_000))
  expect(await stored()).toEqual([["gpu-1", "2026-11-22", 53 * 60 - 30, 240, 0, 0]])
})

it("counts the hours of yesterday just after midnight", async () => {
  await hour("gpu-1", at(-1), 3_200)
  await whole("5m", at(-1), at(0))
  await whole("10s", at(0), at(0) + 20_000)
  await count(at(0) + 30_000, knownHost("gpu-1", at(-1)))
  expect(await stored()).toEqual([
    ["gpu-1", "2026-11-21", 3_600, 3_300, 0, 0],
    ["gpu-1", "2026-11-22", 0, 20, 0, 0],
  ])
})

it("counts a day again when late samples changed it, however old, and leaves all others", async () => {
  const host = knownHost("gpu-1", at(-24 * 9))
  await hour("gpu-1", at(-24 * 5), 1_800)
  await count(NOON, host)
  await sql`update control_completeness set gaps = 77 where day < '2026-11-21'`
  await hour("gpu-1", at(-24 * 5), 3_600)
  await count(NOON + 60_000, host)
  expect((await stored())[0]).toEqual(["gpu-1", "2026-11-17", 86_400, 3_600, 0, 0])
  await sql`update control_completeness set gaps = 77 where day < '2026-11-21'`
  await count(NOON + 120_000, host)
  expect((await stored())[0]).toEqual(["gpu-1", "2026-11-17", 86_400, 3_600, 77, 0])
})

it("counts the days on which no hub was there", async () => {
  const host = knownHost("gpu-1", at(-24 * 20))
  await count(at(-24 * 4), host)
  await count(NOON, host)
  expect((await stored()).map((row) => [row[1], row[2]])).toEqual([
    ["2026-11-17", 86_400],
    ["2026-11-18", 86_400],
    ["2026-11-19", 86_400],
    ["2026-11-20", 86_400],
    ["2026-11-21", 86_400],
    ["2026-11-22", 43_170],
  ])
})

it("counts a gap on every day it touches, whenever it was noted", async () => {
  const host = knownHost("gpu-1", at(-24 * 20))
  await count(NOON, host)
  const detail = { from: instantOf(at(-24 * 3 - 2)), to: instantOf(at(-24 * 2 + 1)) }
  await sql`
    insert into control_model_events (provider_id, model, state, ts, detail)
    values ('gpu-1', '*', 'gap_suspected', ${instantOf(NOON)}, ${sql.json(detail)})`
  await count(NOON + 60_000, host)
  expect((await stored()).map((row) => [row[1], row[4], row[5]])).toEqual([
    ["2026-11-18", 1, 7_200],
    ["2026-11-19", 1, 86_400],
    ["2026-11-20", 1, 3_600],
    ["2026-11-21", 0, 0],
    ["2026-11-22", 0, 0],
  ])
})

it.each([
  ["requests", { count: 5, by_kind: { activity: 2, perf: 3 } }, 1],
  ["what nobody can say", { count: 5, by_kind: {} }, 1],
  ["samples alone", { count: 5, by_kind: { perf: 5 } }, 0],
])("counts a spool that gave up %s as a gap: as it is", async (_what, lost, gaps) => {
  const host = knownHost("gpu-1", at(-24 * 20))
  await count(NOON, host)
  const detail = { reason: "no_room", ...lost, from: instantOf(at(-46)), to: instantOf(at(-44)) }
  await sql`
    insert into control_model_events (provider_id, model, state, ts, detail)
    values ('gpu-1', '*', 'spool_dropped', ${instantOf(at(-44))}, ${sql.json(detail)})`
  await count(NOON + 60_000, host)
  const day = (await stored()).filter((row) => row[1] === "2026-11-20")
  expect(day.map((row) => [row[4], row[5]])).toEqual(gaps === 0 ? [] : [[1, 7_200]])
})

const Page = pageOf(CompletenessRow)
const list = async (query: string) => {
  const reply = await app.inject(`/completeness?${query}`)
  expect(reply.statusCode).toBe(200)
  return Page.parse(reply.json())
}

it("lists the last days by pages, newest first, of one host or all", async () => {
  const hosts = ["gpu-1", "gpu-2", "gpu-3"].map((id) => knownHost(id, at(-40)))
  await hour("gpu-2", at(0), 3_600)
  await count(at(2), ...hosts)
  const all = await list("")
  expect(all.rows.map(({ provider_id, day }) => `${day} ${provider_id}`)).toEqual(
    ["22", "21"].flatMap((day) => hosts.map(({ provider_id }) => `2026-11-${day} ${provider_id}`)),
  )
  expect(all.rows[1]).toMatchObject({ percent: 50.2, backfilled: 2 })
  const paged: unknown[] = []
  for (let query = "limit=4"; query !== "";) {
    const { rows, next } = await list(query)
    paged.push(...rows)
    query = next === null ? "" : `limit=4&cursor=${next}`
  }
  expect(paged).toEqual(all.rows)
  expect((await list("provider_id=gpu-2&to=2026-11-21T05:00:00Z")).rows).toHaveLength(1)
  const invented = Buffer.from('{"provider_id":"gpu-1","day":"2026-99-99"}').toString("base64url")
  for (const cursor of ["xyz", invented])
    expect((await app.inject(`/completeness?cursor=${cursor}`)).json()).toMatchObject({ code: "BAD_CURSOR" })
  const today = CompletenessToday.parse((await app.inject("/completeness/today")).json())
  expect(today).toMatchObject({ day: "2026-11-22", hosts: 3, percent: 16.73, gaps: 0 })
})

it("says nothing of today where nothing was counted", async () => {
  const today = CompletenessToday.parse((await app.inject("/completeness/today")).json())
  expect(today).toMatchObject({ hosts: 0, percent: null })
})

it("expects nothing of the time in which a host was disabled, whoever disabled it", async () => {
  await sql`insert into control_hosts (provider_id, display_name) values ('paused', 'paused')`
  await sql`update control_hosts set enabled = false where provider_id = 'paused'`
  await sql`update control_hosts set enabled = false, display_name = 'still' where provider_id = 'paused'`
  await sql`update control_host_pauses set from_at = ${instantOf(NOON - 3 * HOUR)} where provider_id = 'paused'`
  await sql`update control_hosts set enabled = true where provider_id = 'paused'`
  const ended =
    await sql`update control_host_pauses set to_at = ${instantOf(NOON - HOUR)} where to_at is not null`
  expect(ended.count).toBe(1)
  await count(NOON, knownHost("paused", TODAY.fromMs - DAY))
  const rows = await sql`select day::text as day, expected_s from control_completeness order by day`
  expect(rows.map(({ expected_s: s }) => Number(s))).toEqual([86_400, 10 * 3_600 - 30])
  await sql`update control_hosts set enabled = false where provider_id = 'paused'`
  expect(await sql`select 1 from control_host_pauses where to_at is null`).toHaveLength(1)
})
