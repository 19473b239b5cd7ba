import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { keptTables } from "./core/tables.ts"
import { RETAIN, TIERS, careOptions } from "./retention-for-tests.ts"
import { takeCare } from "./run.ts"
import { createPartition } from "./store/partitions.ts"
import { slotOf } from "./core/partitions.ts"

const SECOND = 1_000
const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOON = Date.UTC(2026, 10, 22, 12)
const LONG_AGO = Date.UTC(2026, 10, 10, 9)
const TABLES = keptTables(TIERS, RETAIN)
let sql: Sql

beforeAll(async () => {
  const { url } = await testDatabase("care")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
})
afterAll(() => sql.end())
beforeEach(async () => {
  const names = await sql<{ name: string }[]>`
    select inhrelid::regclass::text as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where c.relkind = 'r' and pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'`
  for (const { name } of names) await sql.unsafe(`drop table ${name}`)
  await sql.unsafe(`truncate ${TABLES.map(({ table }) => table).join(", ")}, control_dirty_buckets,
    control_dirty_request_hours, control_dead_letters, control_model_events, control_retention_runs`)
})

const table = (name: string) => {
  const found = TABLES.find((kept) => kept.table === name)
  if (!found) throw new Error(name)
  return found
}
const care = (nowMs = NOON, more = {}) =>
  takeCare({ ...careOptions(sql, manualClock(nowMs), more), tables: TABLES }, new AbortController().signal)

async function samples(fromMs: number, seconds: number, host = "gpu-1"): Promise<void> {
  await sql`
    insert into control_perf_samples (provider_id, ts, source, boot, seq)
    select ${host}, ${instantOf(fromMs)}::timestamptz + n * interval '1 s', 'os', gen_random_uuid(), n
    from generate_series(0, ${seconds - 1}::int) n`
}

async function bucket(tier: string, atMs: number, count: number, host = "gpu-1"): Promise<void> {
  await sql`
    insert into ${sql(`control_perf_rollup_${tier}`)} (provider_id, bucket, samples, backfilled, seconds)
    values (${host}, ${instantOf(atMs)}, ${count}, 0, ${count})`
}

async function mark(tier: string, atMs: number, host = "gpu-1"): Promise<void> {
  await sql`
    insert into control_dirty_buckets (tier, bucket, provider_id, marked_at)
    values (${tier}, ${instantOf(atMs)}, ${host}, ${instantOf(atMs)})`
}

async function rowsOf(name: string): Promise<number> {
  const [row] = await sql<{ n: number }[]>`select count(*) as n from ${sql(name)}`
  return row?.n ?? -1
}

const dayOf = (atMs: number) => createPartition(sql, table("control_perf_samples"), slotOf("day", atMs))

it("drops a day of samples once every bucket over it is there", async () => {
  await dayOf(LONG_AGO)
  await dayOf(NOON)
  await samples(LONG_AGO, 20)
  await samples(NOON - 60 * SECOND, 20)
  await bucket("10s", LONG_AGO, 10)
  await bucket("10s", LONG_AGO + 10 * SECOND, 10)
  expect(await care()).toMatchObject({ dropped: ["control_perf_samples_20261110"], refused: [] })
  expect(await rowsOf("control_perf_samples")).toBe(20)
})

it("refuses a day whose buckets are dirty, and drops it when they are not", async () => {
  await dayOf(LONG_AGO)
  await samples(LONG_AGO, 10)
  await bucket("10s", LONG_AGO, 10)
  await mark("1m", LONG_AGO)
  expect(await care()).toMatchObject({
    dropped: [],
    refused: [{ what: "control_perf_samples_20261110", why: "dirty" }],
  })
  await sql`truncate control_dirty_buckets`
  expect(await care()).toMatchObject({ dropped: ["control_perf_samples_20261110"] })
})

it.each([
  ["missing", null],
  ["of fewer samples than there are", 9],
])("refuses a day with a bucket %s, and has it computed", async (_what, known) => {
  await dayOf(LONG_AGO)
  await samples(LONG_AGO, 20)
  await bucket("10s", LONG_AGO, 10)
  if (known !== null) await bucket("10s", LONG_AGO + 10 * SECOND, known)
  expect((await care()).refused).toEqual([{ what: "control_perf_samples_20261110", why: "uncovered" }])
  expect(await rowsOf("control_perf_samples")).toBe(20)
  expect(await sql`select tier, bucket, provider_id from control_dirty_buckets`).toEqual([
    { tier: "10s", bucket: instantOf(LONG_AGO + 10 * SECOND), provider_id: "gpu-1" },
  ])
})

it("waits for those who insert, and keeps what they bring", async () => {
  await dayOf(LONG_AGO)
  let running: Promise<unknown> = Promise.resolve()
  await sql.begin(async (tx) => {
    await tx`insert into control_perf_samples (provider_id, ts, source, boot, seq)
      values ('gpu-1', ${instantOf(LONG_AGO)}, 'os', ${randomUUID()}, 1)`
    await tx`insert into control_dirty_buckets values ('10s', ${instantOf(LONG_AGO)}, 'gpu-1', ${instantOf(NOON)})`
    running = care()
    // Until the drop waits for the lock that this transaction holds.
    for (;;) {
      const [row] = await sql<{ n: number }[]>`
        select count(*) as n from pg_locks where not granted and relation = 'control_perf_samples'::regclass`
      if (row?.n === 1) break
    }
  })
  expect(await running).toMatchObject({ dropped: [], refused: [{ why: "dirty" }] })
  expect(await rowsOf("control_perf_samples")).toBe(1)
})

it("leaves a table that is in use, and does not hold up others for long", async () => {
  await dayOf(LONG_AGO)
  await sql.begin(async (tx) => {
    await tx`select from control_perf_samples limit 1`
    expect((await care()).refused).toEqual([{ what: "control_perf_samples_20261110", why: "busy" }])
  })
  expect((await care()).dropped).toEqual(["control_perf_samples_20261110"])
})

it("deletes rows without a partition by host and hour, those alone whose buckets are there", async () => {
  await samples(LONG_AGO, 10)
  await samples(LONG_AGO + HOUR, 10)
  await samples(LONG_AGO, 10, "gpu-2")
  for (const host of ["gpu-1", "gpu-2"]) await bucket("10s", LONG_AGO, 10, host)
  await mark("10s", LONG_AGO, "gpu-2")
  const { deleted, refused } = await care()
  expect(deleted).toEqual({ control_perf_samples: 10 })
  expect(refused).toEqual([{ what: "control_perf_samples_default, 2 host-hours", why: "uncovered" }])
  expect(
    await sql`select provider_id, count(*) as n from control_perf_samples group by 1 order by 1`,
  ).toEqual([
    { provider_id: "gpu-1", n: 10 },
    { provider_id: "gpu-2", n: 10 },
  ])
})

it("gives rows of the default partition one of their own", async () => {
  await samples(NOON - 3 * DAY, 5)
  await bucket("1m", NOON - 3 * DAY, 5)
  const { made } = await care()
  expect(made).toContain("control_perf_samples_20261119")
  expect(made).toContain("control_perf_rollup_1m_202611")
  expect(await rowsOf("control_perf_samples_20261119")).toBe(5)
  expect(await rowsOf("control_perf_samples_default")).toBe(0)
  expect((await care()).made).toEqual([])
})

it.each([
  [{ raw: 7, "10s": 14, "1m": 400, "5m": 400, "1h": 3650 }, ["10s", "1m", "1h", "1h", null]],
  [{ raw: 30, "10s": 14, "1m": 20, "5m": 400, "1h": 3650 }, ["5m", "1m", "5m", "1h", null]],
  [{ raw: 10, "10s": 10, "1m": 10, "5m": 10, "1h": 10 }, [null, null, null, null, null]],
])("with windows of %j a tier goes when the first that is kept longer holds it", (perfDays, expected) => {
  const tables = keptTables(TIERS, { ...RETAIN, perfDays })
  const names = ["control_perf_samples", ...TIERS.map((tier) => tier.table)]
  const covers = names.map((name) => tables.find((kept) => kept.table === name)?.cover?.table ?? null)
  expect(covers).toEqual(expected.map((tier) => tier && `control_perf_rollup_${tier}`))
})

it("drops each tier only when the next is complete", async () => {
  const old = NOON - 20 * DAY
  await createPartition(sql, table("control_perf_rollup_10s"), slotOf("day", old))
  await bucket("10s", old, 10)
  await bucket("10s", old + 10 * SECOND, 10)
  await bucket("1m", old, 19)
  expect((await care()).refused).toEqual([{ what: "control_perf_rollup_10s_20261102", why: "uncovered" }])
  await sql`update control_perf_rollup_1m set samples = 20`
  await sql`truncate control_dirty_buckets`
  expect((await care()).dropped).toEqual(["control_perf_rollup_10s_20261102"])
})

it("drops requests once their hours are summed up", async () => {
  const old = NOON - 100 * DAY
  await createPartition(sql, table("control_requests"), slotOf("day", old))
  await sql`
    insert into control_requests (id, provider_id, swap_epoch, swap_entry_id, ts, model, token_basis)
    values (gen_random_uuid(), 'gpu-1', gen_random_uuid(), 1, ${instantOf(old)}, 'm', 'unknown')`
  expect((await care()).refused).toMatchObject([{ why: "dirty" }])
  await sql`truncate control_dirty_request_hours`
  expect((await care()).refused).toMatchObject([{ why: "uncovered" }])
  expect(await rowsOf("control_dirty_request_hours")).toBe(1)
  await sql`truncate control_dirty_request_hours`
  await sql`
    insert into control_request_stats (hour, provider_id, model, failed, requests, gen_tps_count, prompt_tps_count,
      duration_count)
    values (date_trunc('hour', ${instantOf(old)}::timestamptz), 'gpu-1', 'm', false, 1, 0, 0, 0)`
  expect((await care()).dropped).toHaveLength(1)
})

it("prunes notes, dead letters beyond their days, and none that are younger", async () => {
  for (const daysAgo of [401, 400.1, 399]) {
    const at = instantOf(NOON - daysAgo * DAY)
    await sql`insert into control_model_events (provider_id, model, state, ts) values ('gpu-1', 'm', 'ready', ${at})`
    await sql`
      insert into control_dead_letters (subject, stream, stream_seq, reason, problem, digest, received_at)
      values ('s', 'BOO_EVENTS', ${Math.round(daysAgo * 10)}, 'shape', 'p', 'd', ${at})`
  }
  expect((await care()).deleted).toEqual({ control_model_events: 2, control_dead_letters: 2 })
  expect(await rowsOf("control_model_events")).toBe(1)
  expect(await rowsOf("control_dead_letters")).toBe(1)
})

it("takes away the oldest captures beyond the budget, keeps their rows, and says when", async () => {
  for (let n = 0; n < 5; n++) {
    await sql`
      insert into control_requests (id, provider_id, swap_epoch, swap_entry_id, ts, model, token_basis, capture)
      values (gen_random_uuid(), 'gpu-1', gen_random_uuid(), ${n}, ${instantOf(NOON - (n + 1) * HOUR)}, 'm', 'unknown',
        jsonb_build_object('body', (select string_agg(md5(i::text), '') from generate_series(1, 30) i)))`
  }
  const [size] = await sql<
    { bytes: number }[]
  >`select pg_column_size(capture) as bytes from control_requests limit 1`
  const budget = { captureBudgetBytes: 3 * (size?.bytes ?? 0) }
  expect((await care(NOON, budget)).evicted_captures).toBe(2)
  expect((await care(NOON, budget)).evicted_captures).toBe(0)
  const rows =
    await sql`select capture is null as gone, capture_evicted_at from control_requests order by ts desc`
  expect(rows.map((row) => row["gone"])).toEqual([false, false, false, true, true])
  expect(rows[4]).toEqual({ gone: true, capture_evicted_at: instantOf(NOON) })
})

it("notes every run: what it did, and how it failed", async () => {
  await dayOf(LONG_AGO)
  await care()
  await expect(care(NOON, { captureBudgetBytes: Number.NaN })).rejects.toThrow(/NaN|numeric|type/)
  const runs =
    await sql`select hub_id, finished_at, detail->'dropped' as dropped, error from control_retention_runs order by id`
  expect(runs[0]).toEqual({
    ...{ hub_id: "hub-a", finished_at: instantOf(NOON), error: null },
    dropped: ["control_perf_samples_20261110"],
  })
  expect(runs[1]?.["error"]).toEqual(expect.any(String))
})

it("stops between two steps when told, and goes on where it was", async () => {
  await samples(LONG_AGO, 10)
  await bucket("10s", LONG_AGO, 10)
  const abort = new AbortController()
  abort.abort()
  await takeCare({ ...careOptions(sql, manualClock(NOON)), tables: TABLES }, abort.signal)
  expect(await rowsOf("control_perf_samples")).toBe(10)
  expect((await care()).deleted).toEqual({ control_perf_samples: 10 })
})
