import { afterAll, beforeAll, expect, it } from "vitest"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { knownHost, retentionAt } from "./retention-for-tests.ts"
import { careInTurns } from "./turns.ts"

const NOON = Date.UTC(2026, 10, 22, 12)
const LOOK = 5_000
const HOUR = 3_600_000
let url: string
let sql: Sql

beforeAll(async () => {
  url = (await testDatabase("turns")).url
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
})
afterAll(() => sql.end())

/** Moves time on until it is true. Each look may need the answer of Postgres, which no clock of ours moves. */
async function until(clocks: ReturnType<typeof manualClock>[], isTrue: () => boolean | Promise<boolean>) {
  for (let look = 0; look < 400; look++) {
    if (await isTrue()) return
    for (const clock of clocks) clock.advance(LOOK)
    await sql`select pg_sleep(0.005)`
  }
  throw new Error("it did not come true")
}

const runsOf = async (hubId: string): Promise<number> => {
  const [row] = await sql<{ n: number }[]>`
    select count(*) as n from control_retention_runs where hub_id = ${hubId} and finished_at is not null`
  return row?.n ?? 0
}

it("lets one of two hubs take care, and the other as soon as that one is gone without a word", async () => {
  const clocks = [manualClock(NOON), manualClock(NOON)] as const
  const connections = [
    connectPostgres(url, { log: silentLog, applicationName: "boo-dying" }),
    connectPostgres(url, { log: silentLog }),
  ] as const
  const hosts = { rows: () => [knownHost("gpu-1", NOON - 30 * HOUR)] }
  const first = retentionAt(connections[0], clocks[0], { hubId: "first", hosts })
  const second = retentionAt(connections[1], clocks[1], { hubId: "second", hosts })
  await first.start()
  await until([clocks[0]], async () => (await runsOf("first")) === 1)
  await second.start()
  await until([clocks[1]], () => clocks[1].now() > NOON + HOUR / 4)
  expect([first.isInCharge(), second.isInCharge()]).toEqual([true, false])
  expect(await runsOf("second")).toBe(0)

  // Killed: no unlock, its sessions just end.
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'boo-dying'`
  await until([clocks[1]], async () => (await runsOf("second")) >= 1)
  expect(second.isInCharge()).toBe(true)
  await until([clocks[0]], () => !first.isInCharge())

  await Promise.all([first.stop(), second.stop()])
  expect(clocks.map((clock) => clock.pending())).toEqual([0, 0])
  // What it let go of is free.
  const third = retentionAt(sql, clocks[0], { hubId: "third", hosts })
  await third.start()
  await until([clocks[0]], async () => (await runsOf("third")) >= 1)
  await third.stop()
  await Promise.all(connections.map((connection) => connection.end()))
})

it("takes care at once and then every hour, counts every minute, and survives a failure", async () => {
  const clock = manualClock(NOON)
  const did = { care: 0, count: 0 }
  const turns = careInTurns({
    ...{ clock, log: silentLog },
    lock: { isHeld: () => true, start: () => undefined, stop: () => Promise.resolve() },
    takeCare: async () => {
      did.care++
      if (did.care === 1) throw new Error("Postgres is away")
      return { unfinished: did.care === 3 }
    },
    countDays: async () => void did.count++,
  })
  turns.start()
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += LOOK) {
      clock.advance(LOOK)
      for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    }
  }
  await pass(LOOK)
  expect(did).toEqual({ care: 1, count: 1 })
  await pass(HOUR)
  expect(did).toEqual({ care: 2, count: 61 })
  await pass(HOUR)
  expect(did).toEqual({ care: 3, count: 121 })
  // It left something, and goes on after the next count.
  await pass(60_000)
  expect(did).toEqual({ care: 4, count: 122 })
  await turns.stop()
  await pass(HOUR)
  expect(did.care).toBe(4)
})
