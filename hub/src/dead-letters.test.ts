import { randomUUID } from "node:crypto"
import { jetstream } from "@nats-io/jetstream"
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest"
import type { Envelope } from "@boocontrol/shared/envelope"
import { DeadLetterRetried, StorageReply } from "@boocontrol/shared/retention"
import { subjects } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import { envelope } from "../test/example-host.ts"
import { newWorld, runHub } from "../test/running-hub.ts"
import type { RunningHub, World } from "../test/running-hub.ts"
import { tokensStore } from "./access/store.ts"
import { newToken } from "./access/tokens.ts"
import { observed } from "./activity/samples-for-tests.ts"
import { systemClock } from "./platform/clock.ts"
import { silentLog } from "./platform/log.ts"
import { connectPostgres } from "./platform/postgres.ts"
import { sample } from "./telemetry/samples-for-tests.ts"

const TOKEN = "0123456789abcdef-token"
const YEAR_MS = 365 * 24 * 3_600_000
const admin = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" }
const clock = { offMs: -2 * YEAR_MS }
let world: World
let hub: RunningHub
beforeAll(async () => {
  world = await newWorld("dead_letters")
  hub = await runHub(world, {
    env: { BOO_ADMIN_TOKEN: TOKEN },
    clock: { ...systemClock, now: () => systemClock.now() + clock.offMs },
  })
})
afterAll(async () => {
  await hub.stop()
  await world.end()
})

const emit = async (message: Envelope) => {
  const publish = () =>
    jetstream(world.nc).publish(subjects.event(message.host, message.kind), JSON.stringify(message))
  await vi.waitFor(publish, { timeout: 30_000, interval: 100 })
}
const post = (body: object, headers: Record<string, string> = admin) =>
  hub.get("/dead-letters/retry", { method: "POST", headers, body: JSON.stringify(body) })
const counts = async () => {
  const { sql } = world.database
  const [row] = await sql`
    select (select count(*)::int from control_requests) as requests,
      (select count(*)::int from control_perf_samples) as samples,
      (select count(*)::int from control_model_events where state = 'engine_down') as notes,
      (select count(*)::int from control_dead_letters) as letters`
  return { ...row }
}

it("stores what a hub kept aside whose clock was years behind, once it is right: all kinds, once each", async () => {
  const nowMs = systemClock.now()
  const rows = [1, 2, 3].map((entry) => observed({ swap_entry_id: entry, ts: instantOf(nowMs + entry) }))
  await emit(envelope("activity", { rows, enrichments: [] }, { seq: 1, atMs: nowMs }))
  await emit(envelope("perf", { samples: [sample(nowMs), sample(nowMs + 1_000)] }, { seq: 2, atMs: nowMs }))
  const note = { note: "engine_down" as const, ts: instantOf(nowMs), detail: {} }
  await emit(envelope("note", note, { seq: 3, atMs: nowMs }))
  const aside = { requests: 0, samples: 0, notes: 0, letters: 3 }
  await vi.waitFor(async () => expect(await counts()).toEqual(aside), { timeout: 30_000 })

  clock.offMs = 0
  const { dead_letters: told } = StorageReply.parse(
    await (await hub.get("/storage", { headers: admin })).json(),
  )
  expect(told).toMatchObject({ total: 3, by_reason: [{ reason: "future", total: 3, kept: 3 }] })
  const { sql } = world.database
  await sql`create table again as select * from control_dead_letters`
  const done = { requests: 3, samples: 2, notes: 1, letters: 0 }
  for (const round of ["as they came", "a second time"]) {
    const reply = DeadLetterRetried.parse(await (await post({ reason: "future" })).json())
    expect([round, reply]).toMatchObject([round, { retried: 3, stored: 3, still_dead: [] }])
    expect([round, await counts()]).toEqual([round, done])
    // As if the hub had died after it stored them and before it took them away.
    await sql`insert into control_dead_letters overriding system value select * from again`
  }
}, 60_000)

it("is for administrators", async () => {
  const { authorization: _, ...nobody } = admin
  expect((await post({ reason: "future" }, nobody)).status).toBe(401)
  const { token, hash } = newToken()
  const sql = connectPostgres(world.database.url, { log: silentLog })
  onTestFinished(() => sql.end())
  await tokensStore(sql).insert({
    ...{ id: randomUUID(), label: "reader", role: "read", hash, expiresAtMs: null },
  })
  const reader = { ...nobody, authorization: `Bearer ${token}` }
  await expect
    .poll(async () => (await hub.get("/dead-letters", { headers: reader })).status, { timeout: 30_000 })
    .toBe(200)
  const refused = await post({ reason: "future" }, reader)
  expect([refused.status, await refused.json()]).toMatchObject([403, { code: "READ_ONLY_TOKEN" }])
})
