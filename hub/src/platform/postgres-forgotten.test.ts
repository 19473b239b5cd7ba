import { expect, inject, it, onTestFinished, vi } from "vitest"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { silentLog } from "./log.ts"
import { connectPostgres, isAboutData, ownSession, withPatience } from "./postgres.ts"
import type { Sql } from "./postgres.ts"
import { gateTo } from "./postgres-gate-for-tests.ts"

// Far less than in life: the tests would take minutes.
const ANSWER_WITHIN_MS = 600

function connectTo(url: string, max = 2): Sql {
  const sql = connectPostgres(url, { log: silentLog, max, answerWithinMs: ANSWER_WITHIN_MS })
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

it("gives up connections that a firewall forgot, all of them, and uses new ones", async () => {
  const gate = await gateTo(inject("databaseUrl"))
  const sql = connectTo(gate.url, 4)
  for (let round = 0; round < 3; round++) {
    await Promise.all([1, 2, 3, 4].map((n) => sql`select ${n}::int, pg_sleep(0.02)`))
    gate.forget()
    const failures = await Promise.all([1, 2, 3, 4].map((n) => failureOf(sql`select ${n}::int`)))
    for (const failure of failures) expect(failure).toMatchObject({ code: "ETIMEDOUT" })
    expect(failures.some(isAboutData)).toBe(false)
    // Nothing of the pool is left in a state in which it never answers.
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => sql`select ${n}::int as n`))
    expect(answers.map(([row]) => row?.["n"])).toEqual([1, 2, 3, 4, 5, 6])
  }
})

it("gives up a connection that was forgotten behind an answer that came", async () => {
  const gate = await gateTo(inject("databaseUrl"))
  const sql = connectTo(gate.url, 1)
  const both = [sql`select 1`, sql`select pg_sleep(0.2)`].map((query) => query.execute())
  await both[0]
  gate.forget()
  expect(await failureOf(Promise.resolve(both[1]))).toMatchObject({ code: "ETIMEDOUT" })
})

it("ends a statement that takes too long, and keeps its connection", async () => {
  const sql = connectTo(inject("databaseUrl"), 1)
  const [before] = await sql`select pg_backend_pid() as pid`
  expect(await failureOf(sql`select pg_sleep(20)`)).toMatchObject({ code: "57014" })
  expect(await sql`select pg_backend_pid() as pid`).toEqual([before])
})

it("frees what a forgotten transaction holds, so that the same rows can be written by another", async () => {
  const { url } = await testDatabase("forgotten")
  const gate = await gateTo(url)
  const sql = connectTo(gate.url)
  await sql`create table t (n int primary key)`
  const forgotten = failureOf(
    sql.begin(async (tx) => {
      await tx`insert into t values (1)`
      gate.forget()
      await tx`select 1`
    }),
  )
  expect(isAboutData(await forgotten)).toBe(false)
  const store = () => sql`insert into t values (1) on conflict do nothing`
  // The other one waits for the transaction that nobody ends; its wait may be given up, and is tried again.
  await vi.waitFor(store, { timeout: 30_000 })
  expect(await sql`select n from t`).toEqual([{ n: 1 }])
})

it("lets a connection be silent that has nothing to say: one that listens, and a session of its own", async () => {
  const url = inject("databaseUrl")
  const [sql, other] = [connectTo(url), connectTo(url)]
  const heard = vi.fn()
  const state = await sql.listen("boo_test_silence", heard)
  const session = ownSession(sql)
  onTestFinished(() => session.end({ timeout: 1 }))
  const [before] = await session`select pg_backend_pid() as pid`
  await other`select pg_sleep(${(ANSWER_WITHIN_MS * 0.7) / 1000})`
  await other`select pg_sleep(${(ANSWER_WITHIN_MS * 0.7) / 1000})`
  expect(await session`select pg_backend_pid() as pid`).toEqual([before])
  const [listening] = await other`select count(*) as n from pg_stat_activity where pid = ${state.state.pid}`
  expect(listening).toEqual({ n: 1 })
  await other`select pg_notify('boo_test_silence', 'x')`
  await vi.waitFor(() => expect(heard).toHaveBeenCalledWith("x"))
})

it("has patience for statements that are known to be long", async () => {
  const patient = withPatience(connectTo(inject("databaseUrl")), { answerWithinMs: 60_000, max: 1 })
  onTestFinished(() => patient.end({ timeout: 1 }))
  expect(await patient`select 1 as one, pg_sleep(${(ANSWER_WITHIN_MS * 1.5) / 1000})`).toHaveLength(1)
})
