import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import type { CommittedActivity, ObservedRequest } from "@boocontrol/shared/activity"
import type { Frame } from "@boocontrol/shared/frames"
import type { RouteDispatch } from "@boocontrol/shared/routing"
import { instantOf } from "@boocontrol/shared/time"
import { v7 } from "uuid"
import { testDatabase } from "../../deploy/test/services/postgres.ts"
import { nameSome, startNaming } from "./activity/callers/run.ts"
import { createActivity } from "./activity/index.ts"
import type { Activity } from "./activity/index.ts"
import { activityMessage, enrichmentOf, observed } from "./activity/samples-for-tests.ts"
import { requestStats } from "./activity/store/stats.ts"
import { sumUpHours } from "./activity/store/sums.ts"
import { manualClock } from "./platform/clock-manual.ts"
import { silentLog } from "./platform/log.ts"
import { migrate } from "./platform/migrate.ts"
import { connectPostgres } from "./platform/postgres.ts"
import type { Sql } from "./platform/postgres.ts"
import { envelope } from "../test/example-host.ts"
import { newWorld, runHub } from "../test/running-hub.ts"
import { dispatchesStore } from "./routing/store/dispatches.ts"

const isActivity = (frame: Frame): frame is Frame & { type: "control_activity" } =>
  frame.type === "control_activity"
const NOON = Date.UTC(2026, 10, 22, 12)
let sql: Sql
let activity: Activity
let announced: CommittedActivity[] = []
let stored: string[] = []

beforeAll(async () => {
  const { url } = await testDatabase("callers")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  const partitions = { ensure: () => Promise.resolve() }
  activity = createActivity({
    ...{ sql, clock: manualClock(NOON), log: silentLog, partitions, nc: { publish: () => undefined } },
  })
})
afterAll(() => sql.end())
beforeEach(async () => {
  await sql`truncate control_requests, route_dispatches, control_dirty_callers, control_request_stats,
    control_dirty_request_hours`
  announced = []
  stored = []
})

const row = (entry: number, given: Partial<ObservedRequest> = {}) =>
  observed({ swap_entry_id: entry, ts: instantOf(NOON + entry * 1_000), duration_ms: 800, ...given })

async function store(...rows: ObservedRequest[]): Promise<void> {
  await activity.storeBatch([activityMessage(rows)], { redelivered: false })
}

/** A gateway sent it, and it ended in the middle of that second. */
async function send(second: number, given: Partial<RouteDispatch> = {}, to = sql): Promise<void> {
  const atMs = NOON + second * 1_000 + 500
  const dispatch = {
    ...{ id: v7({ msecs: atMs }), ts: instantOf(atMs), request_id: `r-${second}`, asked_model: "auto" },
    ...{ resolved_as: "policy", source: "boochat", endpoint: "chat/completions", attempt: 1, swap: false },
    ...{ provider_id: "gpu-1", model: "qwen3-8b-q4_k_m", duration_ms: 810, outcome: "ok", candidates: [] },
    ...{ path: "/v1/chat/completions", status_code: 200, client_ip: "10.0.0.9", user_agent: "curl/8" },
    ...given,
  }
  await dispatchesStore(to).insert([JSON.stringify(dispatch)])
}

const hub = (settleMs = 0) => ({
  ...{ sql, clock: manualClock(NOON), log: silentLog, settleMs },
  gateways: { sent: dispatchesStore(sql).sent, clockAheadMs: () => 0 },
  announce: (committed: CommittedActivity) => void announced.push(committed),
  stored: (rows: readonly { id: string }[]) => void stored.push(...rows.map(({ id }) => id)),
})

async function nameAll(): Promise<void> {
  while ((await nameSome(hub())) > 0);
}

async function callers(): Promise<unknown[]> {
  const rows = await sql`
    select swap_entry_id as entry, source, request_id, attribution from control_requests order by ts, id`
  return rows.map((one) => Object.values(one))
}
const marks = async () => [...(await sql`select span, of_rows, provider_id from control_dirty_callers`)]

const NAMED = [1, "boochat", "r-1", "gateway"]

it("names the caller of a row by what was sent, whichever of the two is stored first", async () => {
  await send(1)
  await store(row(1))
  await nameAll()
  await store(row(30))
  await nameAll()
  expect(await callers()).toEqual([NAMED, [30, null, null, null]])
  await send(30)
  await nameAll()
  expect(await callers()).toEqual([NAMED, [30, "boochat", "r-30", "gateway"]])
  expect(await marks()).toEqual([])
})

it("tells everybody of the row, as it is now, once", async () => {
  await send(1, { session_id: "s-1" })
  await store(row(1))
  await nameAll()
  await send(2)
  await nameAll()
  const caller = { source: "boochat", request_id: "r-1", attribution: "gateway", session_id: "s-1" }
  expect(announced).toMatchObject([
    {
      provider_id: "gpu-1",
      event_at: null,
      rows: [{ ...row(1), ...caller, client_ip: "10.0.0.9", user_agent: "curl/8" }],
    },
  ])
  expect(stored).toHaveLength(1)
})

it("looks at no host that nothing was sent to", async () => {
  await send(1, { provider_id: "gpu-2" })
  await nameAll()
  await store(row(1))
  expect(await marks()).toEqual([])
  await send(1, { path: null })
  expect(await marks()).toEqual([])
  await nameAll()
  expect(await callers()).toEqual([[1, null, null, null]])
})

it("waits until what belongs together is there", async () => {
  await send(1)
  await store(row(1))
  expect(await nameSome(hub(60_000))).toBe(0)
  // One that was stored before the other, and long enough ago, must not be taken for all there is.
  await sql`update control_dirty_callers set marked_at = marked_at - interval '2 minutes'`
  expect(await nameSome(hub(60_000))).toBe(2)
  expect(await callers()).toEqual([[1, null, null, null]])
  await sql`update control_requests set created_at = created_at - interval '2 minutes'`
  await send(9)
  await sql`update control_dirty_callers set marked_at = marked_at - interval '2 minutes'`
  expect(await nameSome(hub(60_000))).toBe(1)
  expect(await callers()).toEqual([NAMED])
})

it("is done by one hub of several, and by another where that one died", async () => {
  for (const second of [1, 30, 60]) {
    await send(second)
    await store(row(second))
  }
  const looked = await Promise.all(Array.from({ length: 4 }, () => nameSome(hub())))
  expect(looked.reduce((sum, spans) => sum + spans)).toBe(6)
  expect(announced.flatMap(({ rows }) => rows)).toHaveLength(3)
  await send(90)
  await store(row(90))
  const dying = { ...hub(), gateways: { ...hub().gateways, sent: () => Promise.reject(new Error("killed")) } }
  await expect(nameSome(dying)).rejects.toThrow("killed")
  expect(await nameSome(hub())).toBe(0)
  await sql`update control_dirty_callers set claimed_until = clock_timestamp() - interval '1 s'`
  expect(await nameSome(hub())).toBe(2)
  expect((await callers()).at(-1)).toEqual([90, "boochat", "r-90", "gateway"])
})

it("looks again at what was stored while it looked", async () => {
  await send(1)
  const gateways = {
    ...hub().gateways,
    async sent(...asked: Parameters<Sent>): ReturnType<Sent> {
      await store(row(9))
      await send(9)
      return dispatchesStore(sql).sent(...asked)
    },
  }
  await store(row(1))
  await nameSome({ ...hub(), gateways })
  expect(await marks()).toHaveLength(2)
  await nameAll()
  expect((await callers()).at(-1)).toEqual([9, "boochat", "r-9", "gateway"])
})
type Sent = ReturnType<typeof dispatchesStore>["sent"]

it("leaves what a sidecar found out surely, and gives way to it when it comes later", async () => {
  const sure = { source: "arena", request_id: "r-9", attribution: "only" as const }
  await send(1)
  await store(row(1, sure))
  await nameAll()
  expect(await callers()).toEqual([[1, "arena", "r-9", "only"]])
  await send(30)
  await store(row(30))
  await nameAll()
  const found = activityMessage([], [enrichmentOf(row(30), { ...sure, request_id: null })])
  await activity.storeBatch([found], { redelivered: false })
  expect((await callers()).at(-1)).toEqual([30, "arena", null, "only"])
  const less = enrichmentOf(row(30), { source: "other", attribution: "closest" })
  await activity.storeBatch([activityMessage([], [less])], { redelivered: false })
  expect((await callers()).at(-1)).toEqual([30, "arena", null, "only"])
})

it("moves a request between sources in the sums, whether it is named later or named anew", async () => {
  const later = NOON + 3 * 3_600_000
  const range = { from: instantOf(NOON - 3_600_000), to: instantOf(later) }
  const bySource = async () => {
    while ((await sumUpHours(sql, later)) > 0);
    return (await requestStats(sql, range)).map(({ source, requests }) => [source, requests])
  }
  await send(1)
  await store(row(1), row(30))
  expect(await bySource()).toEqual([[null, 2]])
  await nameAll()
  expect(await bySource()).toEqual([
    ["boochat", 1],
    [null, 1],
  ])
  const exact = enrichmentOf(row(1), { source: "arena", attribution: "exact" })
  await activity.storeBatch([activityMessage([], [exact])], { redelivered: false })
  expect(await bySource()).toEqual([
    ["arena", 1],
    [null, 1],
  ])
})

it("ends with the same names, and no one waits for another, when all of it happens at once", async () => {
  const seconds = Array.from({ length: 40 }, (_, n) => n * 6)
  const naming = (): Promise<unknown> => nameSome(hub()).then(() => nameSome(hub()))
  await Promise.all(
    seconds.flatMap((second) => {
      const own = row(second)
      const found = enrichmentOf(own, { source: "arena", attribution: "closest" })
      return [
        send(second),
        activity.storeBatch([activityMessage([own]), activityMessage([], [found])], { redelivered: false }),
        store(row(second + 3, { model: "direct" })),
        naming(),
      ]
    }),
  )
  await sql`update control_dirty_callers set claimed_until = null`
  await nameAll()
  expect((await callers()).filter((_, n) => n % 2 === 0)).toEqual(
    seconds.map((second) => [second, "arena", null, "closest"]),
  )
  expect((await callers()).filter((_, n) => n % 2 === 1)).toEqual(
    seconds.map((second) => [second + 3, null, null, null]),
  )
  expect(await marks()).toEqual([])
})

it("goes on by itself, and ends with the pass in hand", async () => {
  const clock = manualClock(NOON)
  const stop = startNaming({ ...hub(), clock })
  await send(1)
  await store(row(1))
  await expect
    .poll(async () => {
      clock.advance(2_000)
      return await callers()
    })
    .toEqual([NAMED])
  await stop()
})

it("reaches the cockpits of every hub, also of one that was started after all of it was stored", async () => {
  const world = await newWorld("callers_live")
  const own = connectPostgres(world.database.url, { log: silentLog })
  const first = await runHub(world)
  const readers = [await first.reader()]
  await send(1, {}, own)
  world.say(envelope("activity", { rows: [row(1)] }, { host: "gpu-1", seq: 1, atMs: Date.now() }))
  await readers[0]?.until(() => readers[0]?.frames.some(isActivity) ?? false, "the row")
  const second = await runHub(world)
  readers.push(await second.reader())
  const isNamed = (frame: Frame): boolean =>
    isActivity(frame) && frame.rows.some(({ attribution }) => attribution === "gateway")
  const long = own`interval '1 minute'`
  await own`update control_requests set created_at = created_at - ${long}`
  await own`update control_dirty_callers set marked_at = marked_at - ${long}`
  for (const reader of readers) {
    await reader.until(() => reader.frames.some(isNamed), "its name")
    const frame = reader.frames.find(isNamed)
    expect(frame).toMatchObject({ provider_id: "gpu-1", rows: [{ source: "boochat", request_id: "r-1" }] })
  }
  for (const hubOf of [second, first]) await hubOf.stop()
  await own.end()
  await world.end()
}, 60_000)
