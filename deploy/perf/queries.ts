// pnpm perf:queries: the hot queries over a generated history, and what a reading costs on disk.
import { fork } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { activityRoutes } from "../../hub/src/activity/routes.ts"
import { cursorOf } from "../../hub/src/activity/cursor.ts"
import { manualClock } from "../../hub/src/platform/clock-manual.ts"
import { silentLog } from "../../hub/src/platform/log.ts"
import { migrate } from "../../hub/src/platform/migrate.ts"
import { connectPostgres } from "../../hub/src/platform/postgres.ts"
import type { Sql } from "../../hub/src/platform/postgres.ts"
import { answering } from "../../hub/src/routes-for-tests.ts"
import { telemetryRoutes } from "../../hub/src/telemetry/routes.ts"
import { startGuard } from "../local/src/processes/guard.ts"
import { startPostgres } from "../local/src/services/postgres.ts"
import { diskCosts } from "./disk-costs.ts"
import { conditions, percentile } from "./figures.ts"
import { RETAIN, generateHistory, host } from "./history.ts"
import type { HistorySize } from "./history.ts"
import { loadNow } from "./processes.ts"
import type { Timed } from "./queries-client.ts"

const TARGET_P95_MS = 50
const DAY_MS = 24 * 3_600_000
const WARM_RUNS = 20
const RUNS = 40

const { values: options } = parseArgs({
  options: {
    days: { type: "string", default: "14" },
    hosts: { type: "string", default: "20" },
    requests: { type: "string", default: "500000" },
    "raw-hours": { type: "string", default: "1" },
    /** The size that the targets speak of: some 15 GB of disk, and an hour on a machine with other work. */
    full: { type: "boolean", default: false },
    /** Keeps the history here; one that is there is used as it is. */
    "data-dir": { type: "string" },
  },
})
const wanted = options.full
  ? { days: 90, hosts: 100, requests: 10_000_000, rawHours: 2 }
  : {
      days: Number(options.days),
      hosts: Number(options.hosts),
      requests: Number(options.requests),
      rawHours: Number(options["raw-hours"]),
    }

const kept = options["data-dir"]
if (kept !== undefined) mkdirSync(kept, { recursive: true })
const folder = kept ?? mkdtempSync(join(tmpdir(), "boocontrol-perf-"))
const sizeFile = join(folder, "size.json")

interface Hot {
  name: string
  path: string
  /** One of the ten that the target speaks of. */
  isHot: boolean
}

function hotQueries({ nowMs, days }: HistorySize): Hot[] {
  const at = (agoMs: number): Instant => instantOf(nowMs - agoMs)
  const past = cursorOf({ ts: at((days / 2) * DAY_MS), id: "0193a000-0000-7000-8000-0000000000b1" as never })
  const perf = (agoMs: number, lengthMs: number): string =>
    `/perf?provider_id=${host(1)}&from=${at(agoMs)}&to=${at(agoMs - lengthMs)}`
  const hour = 3_600_000
  const hot: [string, string][] = [
    ["newest requests", "/activity"],
    ["a page deep in the past", `/activity?cursor=${past}`],
    ["requests of a host, deep", `/activity?provider_id=${host(3)}&cursor=${past}`],
    ["requests of a model", "/activity?model=model-2"],
    ["failed requests", "/activity?status=error"],
    ["a rare text", "/activity?q=needle%20in"],
    ["figures of a day", `/activity/stats?from=${at(DAY_MS - 1_234)}&to=${at(0)}`],
    ["figures of 7 days", `/activity/stats?from=${at(7 * DAY_MS - 1_234)}&to=${at(0)}`],
    ["samples of an hour", perf(hour, hour)],
    ["samples of two days", perf(2 * DAY_MS, 2 * DAY_MS)],
  ]
  const others: [string, string][] = [
    [`figures of ${days} days`, `/activity/stats?from=${at(days * DAY_MS - 1_234)}&to=${at(0)}`],
    ["ten minutes, every second", perf(hour / 6, hour / 6)],
    ["ten minutes of five days ago, packed", perf(5 * DAY_MS, hour / 6)],
    ["an hour of five days ago, packed", perf(5 * DAY_MS, hour)],
    ["six hours", perf(6 * hour, 6 * hour)],
    ["a week", perf(7 * DAY_MS, 7 * DAY_MS)],
  ]
  return [
    ...hot.map(([name, path]) => ({ name, path, isHot: true })),
    ...others.map(([name, path]) => ({ name, path, isHot: false })),
  ]
}

async function measure(sql: Sql, size: HistorySize): Promise<boolean> {
  const clock = manualClock(size.nowMs)
  const app = await answering(
    activityRoutes({ sql, clock, prices: { priceOf: () => null } }),
    telemetryRoutes({ sql, clock, retainDays: RETAIN.perfDays }),
  )
  const flags = ["--url", await app.listen(), "--warm", String(WARM_RUNS), "--runs", String(RUNS)]
  const client = fork(join(import.meta.dirname, "queries-client.ts"), flags)
  console.log(
    `load ${loadNow()}; ${RUNS} runs each, warm, from a client's request to the last byte of its answer:`,
  )
  let met = true
  for (const { name, path, isHot } of hotQueries(size)) {
    client.send(path)
    const [{ ms, bytes }] = (await once(client, "message")) as [Timed]
    const p95 = percentile(ms, 0.95)
    if (isHot) met &&= p95 <= TARGET_P95_MS
    const verdict = isHot ? (p95 <= TARGET_P95_MS ? "met" : "NOT MET") : "besides"
    console.log(
      `  ${name.padEnd(38)} ${String(Math.round(bytes / 1000)).padStart(5)} kB  p50 ${percentile(ms, 0.5).toFixed(1)} ms  ` +
        `p95 ${p95.toFixed(1)} ms  ${verdict}`,
    )
  }
  client.disconnect()
  await app.close()
  return met
}

console.log(await conditions())
const guard = startGuard()
const database = await startPostgres({ dataDir: folder, guard, throwaway: true })
const sql = connectPostgres(database.url, { log: silentLog, max: 1, answerWithinMs: null })
try {
  const startedAt = performance.now()
  const known = existsSync(sizeFile)
  await migrate(sql, { log: silentLog })
  const size = known
    ? (JSON.parse(readFileSync(sizeFile, "utf8")) as HistorySize)
    : { ...wanted, nowMs: Math.floor(Date.now() / 60_000) * 60_000 }
  if (!known) {
    await generateHistory(sql, size, console.log)
    writeFileSync(sizeFile, JSON.stringify(size))
  }
  const { days, hosts, requests, rawHours } = size
  console.log(
    `${days} days x ${hosts} hosts x 4 GPUs in tiers as at that age, samples as rows of the last ${rawHours} h, ${requests} ` +
      `requests${known ? "" : `, generated in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`}`,
  )
  // As the hub asks, which is not how a history is made.
  const asking = connectPostgres(database.url, { log: silentLog })
  const fast = await measure(asking, size)
  await asking.end()
  const small = await diskCosts(sql, console.log)
  process.exitCode = fast && small ? 0 : 1
} finally {
  await sql.end()
  await database.child.stop()
  await guard.close()
  if (kept === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}
