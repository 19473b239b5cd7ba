import { Socket } from "node:net"
import { expect, inject, it, onTestFinished, vi } from "vitest"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { systemClock } from "./clock.ts"
import { silentLog } from "./log.ts"
import {
  connectPostgres,
  instantOfPostgres,
  isAboutData,
  ownSession,
  sqlStateOf,
  withPatience,
} from "./postgres.ts"
import type { Sql } from "./postgres.ts"
import { gateTo } from "./postgres-gate-for-tests.ts"
import { waitForTables } from "./wait-for-tables.ts"

const log = silentLog

function connectTo(url: string): Sql {
  const sql = connectPostgres(url, { log, max: 2 })
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

it("gives times as RFC 3339 with milliseconds and big integers as numbers", async () => {
  const sql = connectTo(inject("databaseUrl"))
  const [row] = await sql`
    select '2026-11-22 09:12:41.25+01'::timestamptz as at, '2026-11-22 08:00:00.123456Z'::timestamptz as fine,
      9007199254740991::bigint as n, null::timestamptz as never`
  expect(row).toEqual({
    at: "2026-11-22T08:12:41.250Z",
    fine: "2026-11-22T08:00:00.123Z",
    n: Number.MAX_SAFE_INTEGER,
    never: null,
  })
})

it.each([
  ["2026-11-22 08:00:00+00", "2026-11-22T08:00:00.000Z"],
  ["2026-11-22 08:00:00.1+00", "2026-11-22T08:00:00.100Z"],
  ["2026-11-22 08:00:00.9999+00", "2026-11-22T08:00:00.999Z"],
  ["infinity", "infinity"],
])("reads the time %s", (text, instant) => {
  expect(instantOfPostgres(text)).toBe(instant)
})

it("never waits for an acknowledgement before it sends more", async () => {
  const setNoDelay = vi.spyOn(Socket.prototype, "setNoDelay")
  onTestFinished(() => setNoDelay.mockRestore())
  const { url } = await testDatabase("copy")
  setNoDelay.mockClear()
  const sql = connectTo(url)
  await sql`create table t (a text)`
  const writable = await sql`copy t from stdin`.writable()
  await new Promise((resolve, reject) => {
    writable
      .on("error", reject)
      .on("finish", resolve)
      .end(`${"x".repeat(200)}\n`.repeat(100))
  })
  expect((await sql`select count(*) as n from t`)[0]).toEqual({ n: 100 })
  expect(setNoDelay).toHaveBeenCalledWith(true)
})

it("uses a Postgres that went away and came back, however many queries failed meanwhile", async () => {
  const gate = await gateTo(inject("databaseUrl"))
  const sql = connectTo(gate.url)
  expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
  await gate.shut()
  for (let attempt = 0; attempt < 5; attempt++) {
    const failure: unknown = await sql`select 1`.then(
      () => null,
      (error: unknown) => error,
    )
    expect(isAboutData(failure)).toBe(false)
  }
  await gate.open()
  expect(await sql`select 2 as two`).toEqual([{ two: 2 }])
})

it.each(["reset", "ended"])(
  "lives on when a connection is %s in the middle of a transaction, and uses the next one",
  async (how) => {
    const gate = await gateTo(inject("databaseUrl"))
    const sql = connectTo(gate.url)
    for (let round = 0; round < 5; round++) {
      const begun = Promise.withResolvers<void>()
      const ends = sql.begin(async (tx) => {
        await tx`select 1`
        begun.resolve()
        const waiting = tx`select pg_sleep(30)`
        waiting.catch(() => undefined)
        await tx.unsafe("select 1").catch(() => undefined)
        await waiting
      })
      const failure = ends.then(
        () => null,
        (error: unknown) => error,
      )
      await begun.promise
      // The statement that waits is on its way.
      await new Promise((resolve) => setTimeout(resolve, 50))
      await gate.shut(how === "reset")
      expect(isAboutData(await failure)).toBe(false)
      await gate.open()
      expect(await sql`select ${round}::int as n`).toEqual([{ n: round }])
    }
    // Neither of the two connections of the pool is left in a state in which it never answers.
    expect(await Promise.all([1, 2, 3, 4].map((n) => sql`select ${n}::int as n`))).toHaveLength(4)
  },
)

it("keeps a session of its own over the end of its connection", async () => {
  const gate = await gateTo(inject("databaseUrl"))
  const session = ownSession(connectTo(gate.url))
  onTestFinished(() => session.end({ timeout: 1 }))
  const [first] = await session`select pg_backend_pid() as pid`
  expect(await session`select pg_backend_pid() as pid`).toEqual([first])
  await gate.shut()
  await expect(session`select 1`.execute()).rejects.toThrow(/CONN|closed/)
  await gate.open()
  const asked = () => session`select pg_backend_pid() as pid`
  const [second] = await vi.waitFor(asked, { timeout: 30_000, interval: 50 })
  expect(second).not.toEqual(first)
})

it.each([
  ["a value that is none", "select 'x'::int", true],
  ["a violated constraint", "insert into t values (1), (1)", true],
  ["a table that is not there", "select * from nowhere", false],
  ["a server that shuts down", "do $$ begin raise exception 'x' using errcode = '57P01'; end $$", false],
  ["a statement that took too long", "set statement_timeout = 1; select pg_sleep(1)", false],
  ["a full disk", "do $$ begin raise exception 'x' using errcode = '53100'; end $$", false],
])("tells %s from a failure that may pass", async (_what, statement, aboutData) => {
  const { url } = await testDatabase("states")
  const sql = connectTo(url)
  await sql`create table t (n int primary key)`
  const failure: unknown = await sql.unsafe(statement).then(
    () => null,
    (error: unknown) => error,
  )
  expect(sqlStateOf(failure)).not.toBeNull()
  expect(isAboutData(failure)).toBe(aboutData)
})

it("blames the data for an error of our own code", () => {
  expect(isAboutData(new TypeError("x is undefined"))).toBe(true)
})

it("waits for tables that another program makes", async () => {
  const { url } = await testDatabase("wait")
  const sql = connectTo(url)
  const options = { tables: ["public.users", "teams"], timeoutMs: 10_000, clock: systemClock, log }
  let done = false
  const waited = waitForTables(sql, options).then(() => (done = true))
  await sql`create table teams (n int)`
  expect(done).toBe(false)
  await sql`create table users (n int)`
  await waited
  expect(done).toBe(true)
})

it("names the table that did not come in time", async () => {
  const { url } = await testDatabase("wait")
  const sql = connectTo(url)
  await sql`create table teams (n int)`
  const waited = waitForTables(sql, { tables: ["teams", "users"], timeoutMs: 150, clock: systemClock, log })
  await expect(waited).rejects.toThrow("After 0.15 s of waiting: table users does not exist")
})

it("keeps parallel workers for statements that may take long", async () => {
  const short = connectTo(inject("databaseUrl"))
  const long = withPatience(short, { answerWithinMs: 600_000, max: 1 })
  onTestFinished(() => long.end({ timeout: 1 }))
  const workers = (sql: Sql) => sql`show max_parallel_workers_per_gather`
  expect([...(await workers(short)), ...(await workers(long))]).toEqual([
    { max_parallel_workers_per_gather: "0" },
    { max_parallel_workers_per_gather: "2" },
  ])
})
