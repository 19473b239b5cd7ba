import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { RouteDispatch, RouteFlows } from "@boocontrol/shared/routing"
import { instantOf } from "@boocontrol/shared/time"
import { v7 } from "uuid"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { silentLog } from "../platform/log.ts"
import { MIGRATIONS_FOLDER } from "../platform/migrate.ts"
import { dispatchesStore } from "./store/dispatches.ts"

let world: World
let hub: RunningHub
let sql: Sql
beforeAll(async () => {
  world = await newWorld("flows")
  hub = await runHub(world)
  sql = connectPostgres(world.database.url, { log: silentLog })
})
afterAll(async () => {
  await sql.end()
  await hub.stop()
  await world.end()
})

const MINUTE = 60_000
/** One moment for all: of flows with as many requests the later comes first, by the millisecond. */
const nowMs = Date.now()
const dispatch = (agoMs: number, more: Partial<RouteDispatch> = {}): RouteDispatch =>
  RouteDispatch.parse({
    ...{ id: v7(), ts: instantOf(nowMs - agoMs), request_id: v7(), asked_model: "auto:code" },
    ...{ resolved_as: "policy", policy: "code", policy_version: 0, rule: "code", source: "boocoder" },
    ...{ key_label: null, endpoint: "chat/completions", attempt: 1, provider_id: "a", model: "coder" },
    ...{ swap: false, wait_ms: 0, expected_ttft_ms: 1, ttft_ms: 1, duration_ms: 1, outcome: "ok" },
    ...{ reason: null, cost: null, candidates: [], ...more },
  })
const store = (...rows: RouteDispatch[]) =>
  dispatchesStore(sql).insert(rows.map((row) => JSON.stringify(row)))
const flows = async (window: string) =>
  RouteFlows.parse(await (await hub.get(`/routing/flows?window=${window}`)).json())

it("adds up who sent what where, over an hour, a day and a week", async () => {
  expect(await flows("week")).toMatchObject({ requests: 0, flows: 0, rows: [] })
  const twice = dispatch(1 * MINUTE, { prompt_tokens: 100, output_tokens: 20, swap: true })
  await store(
    twice,
    dispatch(2 * MINUTE, { prompt_tokens: 50, output_tokens: 5 }),
    dispatch(3 * MINUTE, { outcome: "failed", reason: "status 502" }),
    dispatch(3 * MINUTE, { reason: "status 400" }),
    dispatch(90 * MINUTE),
    dispatch(50 * 60 * MINUTE),
    dispatch(9 * 24 * 60 * MINUTE),
  )
  // Stored again, as after an answer that was lost: counted once.
  await store(twice)
  const named = {
    policy: null,
    rule: null,
    asked_model: "coder",
    resolved_as: "model" as const,
    source: null,
  }
  const nowhere = { provider_id: null, model: null, outcome: "refused" as const }
  await store(
    dispatch(1 * MINUTE, named),
    dispatch(1 * MINUTE, { ...named, ...nowhere }),
    // Whatever a client invents is one flow.
    dispatch(1 * MINUTE, { ...named, ...nowhere, resolved_as: "nothing", asked_model: "x1" }),
    dispatch(1 * MINUTE, { ...named, ...nowhere, resolved_as: "nothing", asked_model: "x2" }),
  )
  const hour = await flows("hour")
  expect([hour.requests, hour.flows]).toEqual([8, 4])
  expect(hour.rows.find(({ asked }) => asked === "auto:code")).toEqual({
    ...{ source: "boocoder", asked: "auto:code", provider_id: "a", model: "coder", requests: 4, failed: 2 },
    ...{ refused: 0, swaps: 1, counted: 2, prompt_tokens: 150, output_tokens: 25, last_at: twice.ts },
  })
  const others = hour.rows.filter(({ asked }) => asked !== "auto:code")
  expect(
    others.map(({ asked, provider_id: id, requests, refused }) => [asked, id, requests, refused]),
  ).toEqual([
    [null, null, 2, 2],
    ["coder", "a", 1, 0],
    ["coder", null, 1, 1],
  ])
  expect(others.map(({ output_tokens: tokens }) => tokens)).toEqual([null, null, null])
  expect([(await flows("day")).requests, (await flows("week")).requests]).toEqual([9, 10])
})

it("has added up what was decided before there were sums the same way, but for tokens", async () => {
  const withoutTokens = async () =>
    (await flows("week")).rows.map((row) => ({
      ...row,
      counted: 0,
      prompt_tokens: null,
      output_tokens: null,
    }))
  const before = await withoutTokens()
  const migration = await readFile(join(MIGRATIONS_FOLDER, "0059_route_flows.sql"), "utf8")
  const [fill] = /insert into route_flows[^;]*;/.exec(migration) ?? []
  await sql`delete from route_flows`
  await sql.unsafe(fill ?? "")
  expect(before).toHaveLength(4)
  expect(await withoutTokens()).toEqual(before)
})

it("keeps every count when two hubs store at once", async () => {
  const before = (await flows("hour")).requests
  const other = connectPostgres(world.database.url, { log: silentLog })
  const names = Array.from({ length: 300 }, (_, index) => `source-${index}`)
  const batch = (order: readonly string[]) =>
    order.map((source) => JSON.stringify(dispatch(MINUTE, { source })))
  const rounds = Array.from({ length: 10 }, () => [
    dispatchesStore(sql).insert(batch(names)),
    dispatchesStore(other).insert(batch(names.toReversed())),
  ])
  await Promise.all(rounds.flat())
  await other.end()
  expect((await flows("hour")).requests - before).toBe(6000)
})

it("answers 400 to a window there is not", async () => {
  expect((await hub.get("/routing/flows?window=year")).status).toBe(400)
})
