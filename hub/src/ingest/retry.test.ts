import Fastify from "fastify"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import type { Envelope } from "@boocontrol/shared/envelope"
import { DeadLetterRetried } from "@boocontrol/shared/retention"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { NOON, at, envelope } from "../../test/example-host.ts"
import { systemClock } from "../platform/clock.ts"
import { installHttpRules } from "../platform/http.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { createDeadLetterRetry } from "./index.ts"
import type { Handlers, RejectReason } from "./index.ts"
import { countDeadLetters, storeDeadLetters } from "./store/dead-letters.ts"
import type { DeadLetter } from "./store/dead-letters.ts"

const YEAR_MS = 365 * 24 * 3_600_000
let sql: Sql
/** What a test makes of the notes of one call before they are stored; null: nothing. */
let before: ((names: string[]) => void) | null = null
let notYet: string[] = []
const calls: string[][] = []
const app = Fastify()

beforeAll(async () => {
  const { url } = await testDatabase("ingest_retry")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  await sql`create table stored (message text primary key, times integer not null default 1)`
  const handlers: Handlers = {
    note: async (notes: readonly Envelope<"note">[], { redelivered }) => {
      const names = notes.map(({ data }) => data.note)
      expect(redelivered).toBe(true)
      calls.push(names)
      before?.(names)
      const rows = names.filter((name) => !notYet.includes(name))
      await sql`insert into stored (message) select * from unnest(${rows}::text[]) on conflict do nothing`
      return { notYet: names.flatMap((name, n) => (notYet.includes(name) ? n : [])) }
    },
    perf: async (all) => {
      const rows = all.map(({ data }) => `${data.samples.length} samples`)
      await sql`insert into stored (message) select * from unnest(${rows}::text[]) on conflict do nothing`
    },
  }
  const hosts = { ensureHost: () => Promise.resolve(), isEnabled: (host: string) => host !== "off" }
  const { routes } = createDeadLetterRetry({ sql, clock: systemClock, log: silentLog, handlers, hosts })
  installHttpRules(app)
  await app.register(routes)
})
afterAll(async () => {
  await app.close()
  await sql.end()
})
beforeEach(async () => {
  ;[before, notYet] = [null, []]
  calls.length = 0
  await sql`truncate stored, control_dead_letters`
})

let seq = 0
interface Told {
  host?: string
  reason?: RejectReason
  payload?: string | null
  aheadMs?: number
}
const timeAt = (aheadMs: number) => new Date(systemClock.now() + aheadMs).toISOString()

function letter(
  name: string,
  { host = "gpu-1", reason = "future", payload, aheadMs = 0 }: Told = {},
): DeadLetter {
  seq++
  const note = envelope("note", { note: "engine_down", ts: at(NOON), detail: {} }, { host, seq })
  const text = JSON.stringify({ ...note, data: { note: name, ts: timeAt(aheadMs), detail: {} } })
  const bytes = payload === undefined ? text : payload
  return {
    ...{ host: note.host, kind: "note", reason, problem: "as it was", subject: `boo.v1.evt.${host}.note` },
    ...{ stream: "BOO_EVENTS", streamSeq: seq },
    payload: bytes === null ? null : Buffer.from(bytes),
  }
}

async function retry(body: object): Promise<DeadLetterRetried> {
  const reply = await app.inject({ method: "POST", url: "/dead-letters/retry", payload: body })
  expect([reply.statusCode, reply.body]).toEqual([200, expect.any(String)])
  return DeadLetterRetried.parse(reply.json())
}
const stored = async () =>
  (await sql`select message from stored order by message`).map((row) => String(row["message"]))
const left = async () =>
  (
    await sql`select reason, problem, more, payload is not null as kept from control_dead_letters order by id`
  ).map((row) => ({ ...row }))
const NONE_SKIPPED = { not_kept: 0, host_disabled: 0 }

it("stores what can be read now, takes it away, and leaves the rest with its newest reason", async () => {
  await storeDeadLetters(sql, [
    letter("one"),
    letter("years_ahead", { reason: "version", aheadMs: 10 * YEAR_MS }),
    letter("x", { reason: "version", payload: '{"v":2}' }),
    letter("two", { reason: "unresolved" }),
  ])
  expect(await retry({ provider_id: "gpu-1" })).toMatchObject({
    ...{ retried: 4, stored: 2, skipped: NONE_SKIPPED },
    still_dead: [
      { reason: "future", count: 1 },
      { reason: "version", count: 1 },
    ],
  })
  expect(await stored()).toEqual(["one", "two"])
  expect(await left()).toMatchObject([
    { reason: "future", problem: expect.stringContaining("more than a day ahead"), kept: true },
    { reason: "version", problem: "envelope version 2 is not 1", kept: true },
  ])
})

it("tries those that are meant, by reason, host and number, oldest first and so many at once", async () => {
  await storeDeadLetters(sql, [
    letter("a"),
    letter("b", { reason: "unstorable" }),
    letter("c", { host: "gpu-2" }),
    letter("d"),
    letter("e"),
  ])
  expect(await retry({ reason: "unstorable", provider_id: "gpu-2" })).toMatchObject({
    retried: 0,
    next: null,
  })
  const first = await retry({ reason: "future", provider_id: "gpu-1", limit: 2 })
  expect(first).toMatchObject({ retried: 2, stored: 2 })
  expect(await stored()).toEqual(["a", "d"])
  expect(await retry({ reason: "future", provider_id: "gpu-1", after: first.next })).toMatchObject({
    stored: 1,
  })
  const [other] = await sql`select id from control_dead_letters where provider_id = 'gpu-2'`
  expect(await retry({ ids: [other?.["id"], 999_999] })).toMatchObject({ retried: 1, stored: 1 })
  expect(await stored()).toEqual(["a", "c", "d", "e"])
  expect(await left()).toMatchObject([{ reason: "unstorable" }])
})

it("comes to an end where nothing can be stored", async () => {
  await storeDeadLetters(
    sql,
    ["a", "b", "c"].map((name) => letter(name, { aheadMs: 2 * YEAR_MS })),
  )
  const tried: number[] = []
  for (let after: number | null = 0; after !== null;) {
    const { retried, next }: DeadLetterRetried = await retry({ reason: "future", limit: 2, after })
    tried.push(retried)
    after = next
  }
  expect(tried).toEqual([2, 1, 0])
})

it("finds the one at fault, and stores the others", async () => {
  await storeDeadLetters(
    sql,
    ["a", "b", "bad", "c", "d"].map((name) => letter(name)),
  )
  before = (names) => {
    if (names.includes("bad")) throw new Error("a fault of ours")
  }
  expect(await retry({ reason: "future" })).toMatchObject({
    ...{ retried: 5, stored: 4, still_dead: [{ reason: "unstorable", count: 1 }] },
  })
  expect(await stored()).toEqual(["a", "b", "c", "d"])
  expect(await left()).toMatchObject([{ reason: "unstorable", problem: "a fault of ours" }])
})

it("keeps what still needs something, and a message of which only a part is stored", async () => {
  const perf = envelope("perf", { samples: [] }, { host: "gpu-1", seq: 9 })
  const samples = [0, 5 * YEAR_MS].map((ms) => ({ ts: timeAt(ms), gpu: null, sys: null, source: "os" }))
  const mixed = JSON.stringify({ ...perf, data: { samples } })
  await storeDeadLetters(sql, [
    letter("waits"),
    { ...letter("", { payload: mixed }), kind: "perf", subject: "boo.v1.evt.gpu-1.perf" },
  ])
  notYet = ["waits"]
  expect(await retry({ reason: "future" })).toMatchObject({
    ...{ retried: 2, stored: 0 },
    still_dead: [
      { reason: "unresolved", count: 1 },
      { reason: "future", count: 1 },
    ],
  })
  expect(await stored()).toEqual(["1 samples"])
})

it("does not try what is gone, what is no longer whole, and what a disabled host said", async () => {
  await storeDeadLetters(sql, [
    letter("gone", { payload: null }),
    letter("cut"),
    letter("off", { host: "off" }),
    letter("one"),
  ])
  await sql`update control_dead_letters set payload = substr(payload, 1, 40)
            where payload is not null and id = (select min(id) + 1 from control_dead_letters)`
  expect(await retry({ reason: "future" })).toMatchObject({
    ...{ retried: 1, stored: 1, still_dead: [], skipped: { not_kept: 2, host_disabled: 1 } },
  })
  expect((await left()).map(({ reason, problem }) => [reason, problem])).toEqual(
    Array.from({ length: 3 }, () => ["future", "as it was"]),
  )
})

it("forgets none of those that were only counted at a letter that is stored", async () => {
  await storeDeadLetters(sql, [letter("one")])
  await countDeadLetters(sql, [letter("two"), letter("three"), letter("four")])
  expect(await retry({ reason: "future" })).toMatchObject({ retried: 1, stored: 1 })
  expect(await left()).toMatchObject([{ reason: "future", more: 2, kept: false }])
  expect(await retry({ reason: "future" })).toMatchObject({ retried: 0, skipped: { not_kept: 1 } })
})

it("neither loses nor doubles what was stored when Postgres went away before the letters were taken away", async () => {
  await storeDeadLetters(
    sql,
    ["a", "b"].map((name) => letter(name)),
  )
  await sql`
    create function gone_away() returns trigger language plpgsql as
      $$ begin raise exception 'terminating connection' using errcode = '57P01'; end $$`
  await sql`create trigger gone before delete on control_dead_letters execute function gone_away()`
  const failed = await app.inject({
    method: "POST",
    url: "/dead-letters/retry",
    payload: { reason: "future" },
  })
  expect([failed.statusCode, failed.json()]).toMatchObject([503, { code: "DATABASE_DOWN" }])
  expect([await stored(), (await left()).length]).toEqual([["a", "b"], 2])
  await sql`drop trigger gone on control_dead_letters`
  expect(await retry({ reason: "future" })).toMatchObject({ retried: 2, stored: 2, still_dead: [] })
  expect(await sql`select message, times from stored order by message`).toEqual([
    { message: "a", times: 1 },
    { message: "b", times: 1 },
  ])
  expect(await left()).toEqual([])
  expect(calls).toEqual([
    ["a", "b"],
    ["a", "b"],
  ])
})

it("takes no more into memory at once than it must, and goes on behind it", async () => {
  const large = "x".repeat(7 * 1024 * 1024)
  await storeDeadLetters(
    sql,
    ["1", "2", "3", "4"].map((name) => letter(name, { payload: `${large}${name}` })),
  )
  const first = await retry({ reason: "future" })
  expect(first).toMatchObject({ retried: 3, still_dead: [{ reason: "too-large", count: 3 }] })
  expect(await retry({ reason: "future", after: first.next })).toMatchObject({ retried: 1 })
})

it.each([
  [{}, "Say which: give reason, provider_id or ids"],
  [{ limit: 5 }, "Say which: give reason, provider_id or ids"],
  [{ reason: "bad luck" }, "reason"],
  [{ ids: [] }, "ids"],
  [{ reason: "future", limit: 1001 }, "limit"],
  [{ reason: "future", all: true }, "allowed are"],
])("refuses %j", async (payload, words) => {
  const reply = await app.inject({ method: "POST", url: "/dead-letters/retry", payload })
  expect(reply.statusCode).toBe(400)
  expect(reply.json()).toMatchObject({ code: "BAD_REQUEST", error: expect.stringContaining(words) })
})
