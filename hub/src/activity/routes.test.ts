import Fastify from "fastify"
import type { FastifyInstance } from "fastify"
import { afterAll, beforeAll, expect, it } from "vitest"
import { ActivityAttribution, ActivityRow, ActivityStats } from "@boocontrol/shared/activity"
import type { ObservedRequest } from "@boocontrol/shared/activity"
import { pageOf } from "@boocontrol/shared/http"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { installHttpRules } from "../platform/http.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { createActivity } from "./index.ts"
import type { Activity } from "./index.ts"
import { activityMessage, observed } from "./samples-for-tests.ts"
import { pageQuery } from "./store/read.ts"

const NOON_MS = Date.UTC(2026, 10, 22, 12)
const HOUR_MS = 3_600_000
const clock = manualClock(NOON_MS)
let sql: Sql
let activity: Activity
let app: FastifyInstance

// `hours` before noon, several of one time, over two hosts, several days, models, sources and outcomes.
const ROWS: [host: string, hours: number, given: Partial<ObservedRequest>][] = [
  ["gpu-1", 1, { model: "qwen3-8b", source: "boochat", output_tokens: 10, gen_tps: 50, attribution: "only" }],
  [
    "gpu-1",
    1,
    { model: "qwen3-8b", source: "boochat", output_tokens: 30, gen_tps: 100, attribution: "exact" },
  ],
  [
    "gpu-1",
    2,
    { model: "qwen3-8b", source: "arena", status_code: 502, error: "upstream 100% gone", gen_tps: null },
  ],
  [
    "gpu-2",
    2,
    { model: "embed_small", source: null, req_path: "/v1/embeddings", output_tokens: null, gen_tps: null },
  ],
  [
    "gpu-2",
    3,
    {
      model: "embed%small",
      source: "boochat",
      status_code: 200,
      error: "client went away",
      attribution: "only",
    },
  ],
  ["gpu-2", 30, { model: "qwen3-8b", source: "boochat", session_id: "=cmd|calc", attribution: "alike" }],
  ["gpu-1", 80, { model: "qwen3-8b", source: "boochat", status_code: 404, request_id: "req-42" }],
]

beforeAll(async () => {
  const { url } = await testDatabase("activity_routes")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  await makeDays(10)
  const partitions = { ensure: () => Promise.resolve() }
  const prices = {
    priceOf: (host: string, model: string) =>
      host === "gpu-1" && model === "qwen3-8b"
        ? { inputPerMtok: 0.5, cachedInputPerMtok: 0, outputPerMtok: 2, perKwh: 0.25 }
        : null,
  }
  activity = createActivity({
    sql,
    clock,
    log: silentLog,
    partitions,
    nc: { publish: () => undefined },
    prices,
  })
  for (const [entry, [host, hours, given]] of ROWS.entries()) {
    const ts = instantOf(NOON_MS - hours * HOUR_MS)
    await store(host, observed({ swap_entry_id: entry, ts, ...given }))
  }
  app = Fastify()
  installHttpRules(app)
  await app.register(activity.routes, { prefix: "/api/control" })
})
afterAll(async () => {
  await app.close()
  await sql.end()
})

async function makeDays(days: number): Promise<void> {
  for (let day = 0; day < days; day++) {
    const from = instantOf(NOON_MS - (day + 0.5) * 24 * HOUR_MS)
    const to = instantOf(NOON_MS - (day - 0.5) * 24 * HOUR_MS)
    await sql.unsafe(
      `create table day_${day} partition of control_requests for values from ('${from}') to ('${to}')`,
    )
  }
}

async function store(host: string, ...rows: ObservedRequest[]): Promise<void> {
  await activity.storeBatch([activityMessage(rows, [], host)], { redelivered: false })
}

const Page = pageOf(ActivityRow)

async function list(query: string) {
  const reply = await app.inject(`/api/control/activity?${query}`)
  expect(reply.statusCode).toBe(200)
  return Page.parse(reply.json())
}

async function entries(query: string): Promise<number[]> {
  return (await list(query)).rows.map((row) => row.swap_entry_id)
}

const AT = (hours: number): string => encodeURIComponent(new Date(NOON_MS - hours * HOUR_MS).toISOString())

it.each([
  ["", [1, 0, 3, 2, 4, 5, 6]],
  ["provider_id=gpu-1", [1, 0, 2, 6]],
  ["provider_id=gpu-1&provider_id=gpu-2", [1, 0, 3, 2, 4, 5, 6]],
  ["model=embed_small", [3]],
  ["model=embed_small&model=embed%25small", [3, 4]],
  ["source=arena", [2]],
  ["source=arena&source=boochat&provider_id=gpu-1", [1, 0, 2, 6]],
  ["status=ok", [1, 0, 3, 5]],
  ["status=error", [2, 4, 6]],
  ["status=404", [6]],
  ["status=404&status=ok", [1, 0, 3, 5, 6]],
  [`from=${AT(3)}`, [1, 0, 3, 2, 4]],
  [`from=${AT(3)}&to=${AT(1)}`, [3, 2, 4]],
  ["q=QWEN3", [1, 0, 2, 5, 6]],
  ["q=embed_s", [3]],
  ["q=100%25", [2]],
  ["q=req-42", [6]],
  ["q=embeddings", [3]],
  ["q=nothing-like-this", []],
  ["q=went+away&status=error&provider_id=gpu-2", [4]],
  ["model=nobody", []],
])("lists what %j asks for, newest first", async (query, expected) => {
  // Rows of one time on two hosts have no order that anyone could know: 2 and 3 are compared as a set.
  const found = await entries(query)
  expect(found.map((entry) => ROWS[entry]?.[1])).toEqual(expected.map((entry) => ROWS[entry]?.[1]))
  expect([...found].sort()).toEqual([...expected].sort())
})

it("finds a request by its id", async () => {
  const [row] = (await list("status=404")).rows
  expect(await entries(`q=${row?.id}`)).toEqual([6])
})

it.each([
  ["limit=0", "limit"],
  ["limit=1001", "limit"],
  ["limit=x", "limit"],
  ["status=fine", "status"],
  ["from=yesterday", "from"],
  ["provider_id=Not_A_Slug", "provider_id"],
  ["colour=red", "colour"],
])("refuses %s and names the parameter", async (query, name) => {
  const reply = await app.inject(`/api/control/activity?${query}`)
  expect(reply.statusCode).toBe(400)
  expect(reply.json()).toMatchObject({ code: "BAD_REQUEST" })
  expect(reply.json<{ error: string }>().error).toContain(name)
})

it("refuses a cursor it did not give", async () => {
  const reply = await app.inject("/api/control/activity?cursor=abc")
  expect(reply.statusCode).toBe(400)
  expect(reply.json()).toMatchObject({ code: "BAD_CURSOR" })
})

it("pages through every row once while new, late and enriched rows come in", async () => {
  const before = await entries("limit=1000")
  const seen: number[] = []
  let next: string | null = ""
  let inserted = 1000
  while (next !== null) {
    const page: Awaited<ReturnType<typeof list>> = await list(`limit=2${next ? `&cursor=${next}` : ""}`)
    expect(page.rows.length).toBeLessThanOrEqual(2)
    seen.push(...page.rows.map((row) => row.swap_entry_id))
    next = page.next
    // Newer than everything, and of the very time of a row that was listed.
    await store("gpu-3", observed({ swap_entry_id: inserted++, ts: instantOf(NOON_MS - 1_000) }))
    await store("gpu-3", observed({ swap_entry_id: inserted++, ts: instantOf(NOON_MS - HOUR_MS) }))
  }
  expect(seen.filter((entry) => entry < 1000)).toEqual(before)
  expect(new Set(seen).size).toBe(seen.length)
  await sql`delete from control_requests where provider_id = 'gpu-3'`
})

it("says where a page ends only when there is more", async () => {
  expect((await list("limit=7")).next).toBeNull()
  expect((await list("limit=6")).next).not.toBeNull()
})

it("sums up the last 24 hours per host, source and model, leaving out what is unknown", async () => {
  const reply = await app.inject("/api/control/activity/stats")
  const stats = ActivityStats.parse(reply.json())
  expect(stats.from).toBe("2026-11-21T12:00:00.000Z")
  expect(stats.to).toBe("2026-11-22T12:00:00.000Z")
  expect(stats.rows).toHaveLength(4)
  expect(stats.rows[0]).toEqual({
    provider_id: "gpu-1",
    model: "qwen3-8b",
    source: "boochat",
    requests: 2,
    errors: 0,
    prompt_tokens: 240,
    cache_tokens: 200,
    output_tokens: 40,
    gen_tps_mean: 75,
    prompt_tps_mean: 900.25,
    duration_ms_mean: 812.5,
    // 40 tokens were read anew and 40 written.
    energy_wh: 0.4,
    cost: 0.0001,
  })
  expect(stats.unattributed).toBeCloseTo(
    stats.rows.filter(({ source }) => source === null).length /
      stats.rows.reduce((n, row) => n + row.requests, 0),
  )
  expect(stats.rows.find((row) => row.model === "embed_small")).toMatchObject({
    source: null,
    output_tokens: null,
    gen_tps_mean: null,
    cost: null,
  })
})

it("says what was given where one of several values is not valid", async () => {
  const reply = await app.inject("/api/control/activity/stats?provider_id=Not%20a%20host")
  expect(reply.statusCode).toBe(400)
  expect(reply.json()).toMatchObject({ error: expect.stringContaining('given was "Not a host"') })
})

it("gives the sums as CSV too", async () => {
  const reply = await app.inject("/api/control/activity/stats.csv?provider_id=gpu-1&model=qwen3-8b")
  expect(reply.headers["content-disposition"]).toBe(
    'attachment; filename="boocontrol-sources-2026-11-22.csv"',
  )
  const [head, ...lines] = reply.body.trim().split("\n")
  expect(head).toBe(
    "provider_id,model,source,requests,errors,prompt_tokens,cache_tokens,output_tokens,gen_tps_mean,prompt_tps_mean," +
      "duration_ms_mean,energy_wh,cost",
  )
  expect(lines[0]).toMatch(/^gpu-1,qwen3-8b,boochat,2,0,240,200,40,/)
})

it("says how the callers were found, the surest way first, and of how many nobody is known", async () => {
  const read = async (query: string) => {
    const reply = await app.inject(`/api/control/activity/attribution?${query}`)
    return ActivityAttribution.parse(reply.json())
  }
  const day = await read("")
  expect([day.from, day.to]).toEqual([instantOf(NOON_MS - 24 * HOUR_MS), instantOf(NOON_MS)])
  expect(day.unattributed).toBeCloseTo(1 / 5)
  expect(day.rows.map(({ attribution, requests, share }) => [attribution, requests, share])).toEqual([
    ["exact", 1, 1 / 5],
    ["only", 2, 2 / 5],
    [null, 2, 2 / 5],
  ])
  expect(day.rows.at(-1)?.with_source).toBe(1)
  const nothing = await read("model=nothing")
  expect(nothing).toMatchObject({ requests: 0, rows: [], unattributed: null })
  expect((await read("model=embed_small")).unattributed).toBe(1)
})

it("sums up what the filters ask for", async () => {
  const reply = await app.inject(`/api/control/activity/stats?from=${AT(100)}&status=error`)
  const stats = ActivityStats.parse(reply.json())
  expect(stats.rows.map((row) => [row.requests, row.errors])).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ])
})

it("exports what the filters ask for as CSV that no spreadsheet runs", async () => {
  const reply = await app.inject("/api/control/activity/export.csv?model=qwen3-8b&provider_id=gpu-2")
  expect(reply.headers["content-type"]).toBe("text/csv; charset=utf-8")
  expect(reply.headers["content-disposition"]).toBe(
    'attachment; filename="boocontrol-activity-2026-11-22.csv"',
  )
  const lines = reply.body.trim().split("\n")
  expect(lines[0]).toMatch(/^id,provider_id,swap_epoch,swap_entry_id,ts,model,/)
  expect(lines).toHaveLength(2)
  expect(lines[1]).toContain("gpu-2")
  expect(lines[1]).toContain("2026-11-21T06:00:00.000Z")
  expect(lines[0]).toMatch(/,session_id,attribution$/)
  expect(lines[1]).toMatch(/'=cmd\|calc,alike$/)
})

it("exports every row once, over more than one page", async () => {
  const many = Array.from({ length: 2_345 }, (_, n) =>
    observed({ swap_entry_id: n, ts: instantOf(NOON_MS - 50 * HOUR_MS - Math.floor(n / 7) * 1_000) }),
  )
  await store("gpu-4", ...many)
  const reply = await app.inject("/api/control/activity/export.csv?provider_id=gpu-4")
  const ids = reply.body
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",")[0])
  expect(ids).toHaveLength(2_345)
  expect(new Set(ids).size).toBe(2_345)
})

it("reads pages by an index, never a whole partition", async () => {
  await sql`
    insert into control_requests (id, provider_id, swap_epoch, swap_entry_id, ts, model, token_basis, source, status_code)
    select gen_random_uuid(), 'load-' || n % 20, gen_random_uuid(), n, ${instantOf(NOON_MS)}::timestamptz - n * interval '20 s',
      'model-' || n % 15, 'unknown', 'source-' || n % 9, case when n % 50 = 0 then 500 else 200 end
    from generate_series(1, 40000) n`
  await sql`analyze control_requests`
  const after = (await list("limit=500")).rows.at(-1) ?? null
  const asked = [
    {},
    { provider_id: ["load-3"] },
    { model: ["model-2"] },
    { source: ["source-4"] },
    { status: ["error"] },
    { q: "model-2" },
    { provider_id: ["load-3"], model: ["model-8"], status: ["ok"] },
  ]
  for (const given of asked) {
    for (const cursor of [null, after]) {
      const query = pageQuery(sql, { filters: given as never, after: cursor, limit: 101 })
      const plan = await sql`explain ${query}`
      const text = plan.map((line) => String(line["QUERY PLAN"])).join("\n")
      expect(text).toContain("Index Scan")
      // The default partition is empty: there is nothing to find by an index.
      expect(text).not.toMatch(/Seq Scan on day_/)
    }
  }
})
