import { afterAll, beforeAll, expect, it } from "vitest"
import { HostId, RequestId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../deploy/test/services/postgres.ts"
import { rowsQuery } from "./activity/callers/store.ts"
import { pageQuery } from "./activity/store/read.ts"
import { LONGER_SUMS, statsQuery } from "./activity/store/stats.ts"
import { sumUpLonger } from "./activity/store/sums.ts"
import { manualClock } from "./platform/clock-manual.ts"
import { silentLog } from "./platform/log.ts"
import { migrate } from "./platform/migrate.ts"
import { connectPostgres } from "./platform/postgres.ts"
import type { Sql } from "./platform/postgres.ts"
import { dispatchesQuery } from "./routing/store/dispatches.ts"
import { flowsQuery } from "./routing/store/flows.ts"
import { retentionAt } from "./retention/retention-for-tests.ts"
import { sentQuery } from "./routing/store/dispatches.ts"
import { readingsQuery } from "./telemetry/store/read.ts"

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOON = Date.UTC(2026, 10, 22, 12)
const DAYS = 12
const HOST = HostId.parse("host-3")
let sql: Sql

// Enough of everything that reading it all would be the wrong thing to do.
beforeAll(async () => {
  const { url } = await testDatabase("hot_queries")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  const retention = retentionAt(sql, manualClock(NOON))
  await retention.start()
  const days = Array.from({ length: DAYS }, (_, day) => instantOf(NOON - day * DAY))
  await retention.ensure("control_requests", days)
  await retention.ensure("control_perf_samples", days.slice(0, 7))
  await retention.stop()
  const now = instantOf(NOON)
  await sql`
    insert into control_requests (id, provider_id, swap_epoch, swap_entry_id, ts, model, token_basis, source, status_code, error)
    select gen_random_uuid(), 'host-' || n % 20, gen_random_uuid(), n, ${now}::timestamptz - n * interval '13 s',
      'model-' || n % 15, 'unknown', 'source-' || n % 9, case when n % 50 = 0 then 500 else 200 end,
      case when n = 41000 then 'needle in a haystack' when n % 50 = 0 then 'upstream gone' end
    from generate_series(1, ${75_000}::int) n`
  await sql`
    insert into control_perf_samples (provider_id, ts, source, boot, seq)
    select 'host-' || n % 20, ${now}::timestamptz - n * interval '5 s', 'os', gen_random_uuid(), n
    from generate_series(1, 100000) n`
  await sql`
    insert into control_perf_rollup_10s (provider_id, bucket, samples, backfilled, seconds)
    select 'host-' || h, date_bin('10 seconds', ${now}::timestamptz, '2000-01-01Z') - n * interval '10 seconds', 10, 0, 10
    from generate_series(0, 19) h, generate_series(1, 3000) n`
  for (const table of ["control_perf_samples_packed", "control_perf_rollup_10s_packed"]) {
    await sql`
      insert into ${sql(table)} (provider_id, hour, rows, samples, first_at, last_at, head, body)
      select 'host-' || h, hour, 1, 1, hour, hour, '{"v":1,"shapes":[]}', ''
      from generate_series(0, 19) h,
        generate_series(date_trunc('hour', ${now}::timestamptz) - interval '5 days', ${now}::timestamptz, '1 hour') hour`
  }
  await sql`
    insert into control_perf_rollup_1m (provider_id, bucket, samples, backfilled, seconds)
    select 'host-' || h, date_trunc('minute', ${now}::timestamptz) - n * interval '1 minute', 60, 0, 60
    from generate_series(0, 19) h, generate_series(1, 4000) n`
  await sql`
    insert into control_request_stats (hour, provider_id, model, source, status_code, failed, requests, gen_tps_count,
      prompt_tps_count, duration_count)
    select date_trunc('hour', ${now}::timestamptz) - n * interval '1 hour', 'host-' || h, 'model-1', 'source-1', 200, false,
      5, 5, 5, 5
    from generate_series(0, 19) h, generate_series(1, ${DAYS * 24}::int) n`
  for (const day of days.map((at) => at.slice(0, 10)))
    await sql.unsafe(`
      create table if not exists route_dispatches_${day.replaceAll("-", "")} partition of route_dispatches
      for values from ('${day}Z') to ('${day}Z'::timestamptz + interval '1 day')`)
  await sql`
    insert into route_dispatches (id, ts, asked_model, resolved_as, policy, source, endpoint, attempt, provider_id, outcome)
    select gen_random_uuid(), ${now}::timestamptz - n * interval '13 s', 'model-' || n % 15, 'model', 'p' || n % 4,
      'source-' || n % 9, 'messages', 1, 'host-' || n % 20, 'ok'
    from generate_series(1, ${75_000}::int) n`
  await sql`
    insert into route_flows
    select date_bin('10 minutes', ${now}::timestamptz, '2000-01-01Z') - n * interval '10 minutes', 'source-' || f, 'auto',
      'host-' || f, 'model-1', 9, 0, 0, 0, 9, 900, 900, ${now}
    from generate_series(0, 19) f, generate_series(0, ${30 * 144}::int) n`
  await sql`
    delete from control_dirty_request_hours where hour < ${now}::timestamptz - interval '3 hours'`
  for (const longer of LONGER_SUMS) while ((await sumUpLonger(sql, longer, NOON)) > 0);
  // As autovacuum does; before it, the newest words wait in a list beside the index.
  await sql`vacuum analyze`
}, 60_000)
afterAll(() => sql.end())

const page = (filters: object, after: Parameters<typeof pageQuery>[1]["after"] = null) =>
  pageQuery(sql, { filters, after, limit: 101 })
const stats = (days: number) =>
  statsQuery(sql, { from: instantOf(NOON - days * DAY + 1_234), to: instantOf(NOON + 1_234) })
const readings = (tier: "raw" | "10s" | "1m", hours: number) =>
  readingsQuery(sql, { host: HOST, tier, fromMs: NOON - hours * HOUR, toMs: NOON })
const flows = (hours: number) => flowsQuery(sql, instantOf(NOON - hours * HOUR))
const decisions = (filters: object) => dispatchesQuery(sql, { ...filters, limit: 101 }, null)
const SPANS = Array.from({ length: 40 }, (_, n) => {
  const fromMs = NOON - n * 6 * HOUR
  return { host: HostId.parse(`host-${n % 20}`), fromMs, toMs: fromMs + 72_000 }
})
const END = { ts: instantOf(NOON - 5 * DAY), id: RequestId.parse("0193a000-0000-7000-8000-0000000000b1") }

it.each([
  ["the newest requests", () => page({})],
  ["the next page", () => page({}, END)],
  ["the requests of a host", () => page({ provider_id: [HOST] }, END)],
  ["the requests of a model", () => page({ model: ["model-2"] })],
  ["failed requests", () => page({ status: ["error"] })],
  ["a rare text", () => page({ q: "needle in" })],
  ["an id", () => page({ q: "0193a000-0000-7" })],
  ["figures of a day", () => stats(1)],
  ["figures of all days", () => stats(DAYS)],
  ["samples of minutes", () => readings("raw", 0.2)],
  ["samples of an hour", () => readings("10s", 1)],
  ["minutes of two days", () => readings("1m", 48)],
  ["who sends what where in an hour", () => flows(1)],
  ["who sends what where in a day", () => flows(24)],
  ["the newest decisions", () => decisions({})],
  ["decisions of a source", () => decisions({ source: "source-3" })],
  ["decisions of a name", () => decisions({ asked_model: "model-3" })],
  ["rows of some seconds", () => rowsQuery(sql, SPANS, 8_000)],
  ["what was sent in some seconds", () => sentQuery(sql, SPANS)],
])("finds %s by an index, and reads no partition as a whole", async (_what, query) => {
  const plan = await sql`explain ${query()}`
  const text = plan.map((line) => String(line["QUERY PLAN"])).join("\n")
  expect(text).toMatch(/Index (Only )?Scan/)
  // Those of the coming days are empty: there is nothing to find by an index.
  expect(text).not.toMatch(
    /Seq Scan on (control_(requests|perf_samples|perf_rollup_10s)(_packed)?|route_dispatches|route_flows)_202611(1\d|2[0-2])?\b/,
  )
})

it("finds a rare text by its own index, in every partition", async () => {
  const rows = await page({ q: "needle in" })
  expect(rows.map((row) => row["error"])).toEqual(["needle in a haystack"])
  const plan = await sql`explain ${page({ q: "needle in" })}`
  expect(plan.map((line) => String(line["QUERY PLAN"])).join("\n")).toMatch(
    /Bitmap Index Scan on control_requests_\d+_control_request_text_idx/,
  )
})

it("adds up a week of who sends what where from the month it is in, and from no decision", async () => {
  const plan = await sql`explain ${flows(7 * 24)}`
  const text = plan.map((line) => String(line["QUERY PLAN"])).join("\n")
  expect(text).not.toContain("route_dispatches")
  const whole = [...text.matchAll(/Seq Scan on (\w+)/g)].map(([, table]) => table)
  expect(whole.filter((table) => table !== "route_flows_202611")).toEqual([])
})
