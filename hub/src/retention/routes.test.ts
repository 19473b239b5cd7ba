import Fastify from "fastify"
import { afterAll, beforeAll, expect, it } from "vitest"
import { pageOf } from "@boocontrol/shared/http"
import { DeadLetterRow, StorageReply } from "@boocontrol/shared/retention"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { installHttpRules } from "../platform/http.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { careOptions, retentionAt } from "./retention-for-tests.ts"
import { keptTables } from "./core/tables.ts"
import { takeCare } from "./run.ts"

const NOON = Date.UTC(2026, 10, 22, 12)
const clock = manualClock(NOON)
const app = Fastify()
let sql: Sql

beforeAll(async () => {
  const { url } = await testDatabase("retention_routes")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  const stream = {
    ...{
      stream: "BOO_PERF",
      received: 9,
      stored: 7,
      redelivered: 1,
      deadLetters: 2,
      disabled: 0,
      retries: 3,
    },
    ...{ waitingForPostgres: true, lagMs: 1_234 },
  }
  const figures = {
    streams: () => [stream],
    samples: () => ({ samples: 50, nudged: 1 }),
    natsAnswers: () => Promise.resolve(false),
  }
  const retention = retentionAt(sql, clock, { figures })
  await retention.start()
  await retention.stop()
  installHttpRules(app)
  await app.register(retention.routes)
  for (let n = 1; n <= 5; n++) {
    await sql`
      insert into control_dead_letters
        (provider_id, kind, subject, stream, stream_seq, reason, problem, payload, digest, received_at)
      values (${n === 3 ? null : `gpu-${n % 2}`}, 'perf', 'boo.v1.evt.x.perf', 'BOO_PERF', ${n}, 'shape', 'no samples',
        ${n === 3 ? null : Buffer.from("secret words")}, 'd', ${instantOf(NOON + n)})`
  }
  await sql`
    insert into control_perf_samples (provider_id, ts, source, boot, seq)
    values ('gpu-1', '1970-01-02', 'os', gen_random_uuid(), 1)`
  const { retain, tiers } = careOptions(sql, clock)
  await takeCare(
    { ...careOptions(sql, clock), tables: keptTables(tiers, retain) },
    new AbortController().signal,
  )
})
afterAll(async () => {
  await app.close()
  await sql.end()
})

it("tells sizes, windows, what is on its way, what waits, and what the last run did", async () => {
  const reply = await app.inject("/storage")
  expect(reply.statusCode).toBe(200)
  const storage = StorageReply.parse(reply.json())
  expect(storage).toMatchObject({
    at: instantOf(NOON),
    samples: { stored: 50, nudged: 1 },
    dead_letters: { total: 5, newest_at: instantOf(NOON + 5), keep: 10_000 },
    windows: { samples_raw: 7, samples_10s: 14, samples_1h: 3650, activity: 90, events: 400 },
    captures: { bytes: 0, budget_bytes: 1_000_000 },
    in_charge: false,
    nats: false,
    streams: [{ stream: "BOO_PERF", stored: 7, dead_letters: 2, waiting_for_postgres: true, lag_ms: 1_234 }],
    runs: [{ hub_id: "hub-a", error: null, detail: { refused: [{ why: "uncovered" }] } }],
  })
  const samples = storage.tables.find(({ table }) => table === "control_perf_samples")
  expect(samples).toMatchObject({
    ...{ keep_days: 7, default_rows: 1, from: "2026-11-21T00:00:00.000Z", to: "2026-11-30T00:00:00.000Z" },
  })
  expect(samples?.partitions.map(({ name }) => name).at(-1)).toBe("control_perf_samples_default")
  expect(samples?.bytes).toBe(samples?.partitions.reduce((sum, { bytes }) => sum + bytes, 0))
  const events = storage.tables.find(({ table }) => table === "control_model_events")
  expect(events).toMatchObject({ default_rows: null, partitions: [], from: null })
  expect(events?.bytes).toBeGreaterThan(0)
})

const Page = pageOf(DeadLetterRow)

it("lists dead letters by pages, newest first, without what they said", async () => {
  const numbers: number[] = []
  for (let query: string | null = "limit=2"; query !== null;) {
    const reply = await app.inject(`/dead-letters?${query}`)
    expect(reply.body).not.toContain("secret")
    const { rows, next } = Page.parse(reply.json())
    numbers.push(...rows.map((row) => row.stream_seq))
    query = next === null ? null : `limit=2&cursor=${next}`
  }
  expect(numbers).toEqual([5, 4, 3, 2, 1])
  const { rows } = Page.parse((await app.inject("/dead-letters?provider_id=gpu-0")).json())
  expect(rows.map((row) => [row.stream_seq, row.bytes])).toEqual([
    [4, 12],
    [2, 12],
  ])
  const gone = Page.parse((await app.inject("/dead-letters")).json()).rows[2]
  expect(gone).toMatchObject({
    provider_id: null,
    bytes: null,
    reason: "shape",
    received_at: instantOf(NOON + 3),
  })
})

it.each(["/dead-letters?cursor=abc", "/dead-letters?limit=0", "/completeness?from=yesterday"])(
  "refuses %s",
  async (path) => {
    expect((await app.inject(path)).statusCode).toBe(400)
  },
)
