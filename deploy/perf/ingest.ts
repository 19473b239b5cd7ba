// pnpm perf:ingest: NATS to Postgres, durable and once each, against a raw COPY of the very same rows, and catching up.
import { execFileSync, fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { setPriority, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { connect } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { silentLog } from "../../hub/src/platform/log.ts"
import { connectPostgres } from "../../hub/src/platform/postgres.ts"
import type { Sql } from "../../hub/src/platform/postgres.ts"
import { DURABLE } from "../../hub/src/platform/streams.ts"
import { ROLLUPS } from "../../hub/src/telemetry/index.ts"
import { findProgram } from "../local/src/find-program.ts"
import { conditions } from "./figures.ts"
import { backlogOf, handIn } from "./backlog.ts"
import { emitFleet, publisher } from "./load.ts"
import { loadNow, treeCpuSeconds } from "./processes.ts"
import { startStack } from "./stack.ts"
import type { Stack } from "./stack.ts"
import { trafficHost } from "./traffic.ts"
import type { TrafficHost } from "./traffic.ts"
import type { Seen } from "./watchers.ts"

const LIVE_TARGET = 0.4
const BACKLOG_TARGET = 0.7
const CATCH_UP_TARGET_S = 60

const { values: options } = parseArgs({
  options: {
    rows: { type: "string", default: "100000" },
    rounds: { type: "string", default: "3" },
    hosts: { type: "string", default: "100" },
    /** Of the backlog. */
    minutes: { type: "string", default: "60" },
    nice: { type: "string", default: "0" },
    /** `perf` or `activity`: one kind of rows alone. */
    only: { type: "string" },
    /** A folder for profiles of the hub's processor. */
    profile: { type: "string" },
  },
})
setPriority(Number(options.nice))
let lives = 0
/** Hosts that have just started: what they say is no repetition of what others of that name have said. */
function startedHosts(count: number): TrafficHost[] {
  const life = ` ${(lives += 1)}`
  return Array.from({ length: count }, (_, n) => trafficHost(n, { life }))
}
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

interface Kind {
  name: "perf" | "activity"
  stream: "BOO_PERF" | "BOO_EVENTS"
  table: string
  /** What the hub makes of the rows beside storing them: else the next round's would be changes of this one's. */
  madeOf: readonly string[]
  columns: string
}
const KINDS: Kind[] = [
  {
    ...{ name: "perf", stream: "BOO_PERF", table: "control_perf_samples" },
    madeOf: [...ROLLUPS.map(({ table }) => table), "control_dirty_buckets"],
    columns: "provider_id, ts, gpu, sys, source, backfilled, boot, seq",
  },
  {
    ...{ name: "activity", stream: "BOO_EVENTS", table: "control_requests" },
    madeOf: ["control_request_stats", "control_dirty_request_hours"],
    columns:
      "id, provider_id, swap_epoch, swap_entry_id, ts, model, req_path, status_code, duration_ms, cache_tokens, input_tokens, " +
      "prompt_tokens, uncached_tokens, token_basis, output_tokens, prompt_tps, gen_tps, draft_tokens, draft_accepted, " +
      "error, has_capture, source, request_id, client_ip, user_agent, session_id, attribution",
  },
]

interface Consumed {
  num_pending: number
  num_ack_pending: number
  delivered: { consumer_seq: number }
}

/** What the API of the server says of the hubs' durable. */
async function consumed(nc: NatsConnection, stream: Kind["stream"]): Promise<Consumed> {
  return (
    await nc.request(`$JS.API.CONSUMER.INFO.${stream}.${DURABLE}`, "", { timeout: 10_000 })
  ).json<Consumed>()
}

async function untilStored(nc: NatsConnection, stream: Kind["stream"]): Promise<void> {
  for (;;) {
    const { num_pending, num_ack_pending } = await consumed(nc, stream)
    if (num_pending + num_ack_pending === 0) return
    await pause(25)
  }
}

/** `cpuUs`: microseconds of processor per row. It says more than a rate while the machine does other work. */
interface Measured {
  rate: number
  cpuUs: Record<keyof Pids, number>
}
type Rates = Record<"copy" | "live" | "backlog", Measured>

type Pids = ReturnType<Stack["pids"]>

/** What the parts of the stack have used of the processor since, per row, once they have come to rest. */
function cpuSince(stack: Stack): (rows: number) => Measured["cpuUs"] {
  const read = () => {
    const { hub, nats, postgres } = stack.pids()
    return { hub: treeCpuSeconds(hub), nats: treeCpuSeconds(nats), postgres: treeCpuSeconds(postgres) }
  }
  const before = read()
  return (rows) => {
    const after = read()
    const us = (part: keyof Pids): number => ((after[part] - before[part]) * 1e6) / rows
    return { hub: us("hub"), nats: us("nats"), postgres: us("postgres") }
  }
}

async function oneRound(stack: Stack, kind: Kind, folder: string): Promise<Rates> {
  const sql = connectPostgres(stack.databaseUrl, { log: silentLog, max: 2, answerWithinMs: null })
  const nc = await connect({ servers: stack.natsUrl })
  try {
    const wanted = Number(options.rows)
    const hosts = startedHosts(Number(options.hosts))
    const empty = async (): Promise<void> => {
      await sql.unsafe(`truncate ${[kind.table, ...kind.madeOf].join()}`)
      await nc.request(`$JS.API.STREAM.PURGE.${kind.stream}`, "", { timeout: 10_000 })
      await sql`checkpoint`
    }
    // The path of every day: the hub runs, and what is published is stored as it comes.
    await empty()
    // Made before: what hosts do is not the product's.
    const messages = backlogOf({ kind: kind.name, hosts, rows: wanted })
    const liveCpu = cpuSince(stack)
    const liveStartedAt = performance.now()
    await handIn(nc, messages)
    await untilStored(nc, kind.stream)
    const liveS = (performance.now() - liveStartedAt) / 1000
    const rows = await count(sql, kind)
    const live = { rate: rows / liveS, cpuUs: liveCpu(rows) }
    await stack.stopHub()
    // Before and after the backlog: the machine's speed moves within a minute.
    const copying = { kind, stack, file: join(folder, kind.name), empty }
    const copiedBefore = await copyRate(sql, copying)
    // A backlog: everything is in the stream before the hub comes.
    await empty()
    await handIn(nc, backlogOf({ kind: kind.name, hosts, rows: wanted }))
    const before = await delivered(nc, kind)
    await stack.startHub()
    let begunAt = performance.now()
    while ((await delivered(nc, kind)) === before) {
      begunAt = performance.now()
      await pause(5)
    }
    const backlogCpu = cpuSince(stack)
    await untilStored(nc, kind.stream)
    const backlogS = (performance.now() - begunAt) / 1000
    const backlog = { rate: rows / backlogS, cpuUs: backlogCpu(rows) }
    await stack.stopHub()
    const copiedAfter = await copyRate(sql, copying)
    await empty()
    await stack.startHub()
    return { live, backlog, copy: meanOf(copiedBefore, copiedAfter) }
  } finally {
    await nc.close()
    await sql.end()
  }
}

async function delivered(nc: NatsConnection, { stream }: Kind): Promise<number> {
  return (await consumed(nc, stream)).delivered.consumer_seq
}

async function count(sql: Sql, { table }: Kind): Promise<number> {
  const [row] = await sql<{ n: number }[]>`select count(*) as n from ${sql(table)}`
  return row?.n ?? 0
}

/** As long as both took together. */
function meanOf(one: Measured, other: Measured): Measured {
  const cpu = (part: keyof Pids): number => (one.cpuUs[part] + other.cpuUs[part]) / 2
  return {
    rate: 2 / (1 / one.rate + 1 / other.rate),
    cpuUs: { hub: cpu("hub"), nats: cpu("nats"), postgres: cpu("postgres") },
  }
}

interface Copied {
  kind: Kind
  stack: Stack
  file: string
  empty: () => Promise<void>
}

/** What psql needs to write the rows that were just stored into the same table again, its keys and all. */
async function copyRate(sql: Sql, { kind, stack, file, empty }: Copied): Promise<Measured> {
  const rows = await count(sql, kind)
  const psql = (command: string) =>
    execFileSync(findProgram("psql") ?? "psql", [stack.databaseUrl, "-qc", command])
  psql(`\\copy (select ${kind.columns} from ${kind.table}) to '${file}'`)
  await empty()
  const cpu = cpuSince(stack)
  const startedAt = performance.now()
  psql(`\\copy ${kind.table} (${kind.columns}) from '${file}'`)
  const rate = rows / ((performance.now() - startedAt) / 1000)
  // Its server process ends a moment later, and only then it is counted.
  await pause(200)
  return { rate, cpuUs: cpu(rows) }
}

function tell(kind: Kind, rounds: readonly Rates[]): boolean {
  const best = (read: (one: Rates) => number): number => {
    const sorted = rounds.map(read).sort((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  }
  const [copy, live, backlog] = [
    best((r) => r.copy.rate),
    best((r) => r.live.rate),
    best((r) => r.backlog.rate),
  ]
  const liveRatio = best((r) => r.live.rate / r.copy.rate)
  const backlogRatio = best((r) => r.backlog.rate / r.copy.rate)
  const cpu = (phase: keyof Rates): string => {
    const us = (part: keyof Pids): string => best((r) => r[phase].cpuUs[part]).toFixed(0)
    return `processor per row: Postgres ${us("postgres")} us, hub ${us("hub")} us, NATS ${us("nats")} us`
  }
  const said = (ratio: number, target: number) =>
    `${ratio.toFixed(2)}x, target ${target}: ${ratio >= target ? "met" : "NOT MET"}`
  console.log(`${kind.table}, rows/s: psql \\copy ${copy.toFixed(0)}; ${cpu("copy")}`)
  console.log(
    `  published and stored as it comes ${live.toFixed(0)} (${said(liveRatio, LIVE_TARGET)}); ${cpu("live")}`,
  )
  console.log(
    `  a backlog in the stream          ${backlog.toFixed(0)} (${said(backlogRatio, BACKLOG_TARGET)}); ${cpu("backlog")}`,
  )
  return liveRatio >= LIVE_TARGET && backlogRatio >= BACKLOG_TARGET
}

/** Live hosts go on while the same number of others hand in what they kept. */
async function catchUp(stack: Stack): Promise<boolean> {
  const hosts = Number(options.hosts)
  const minutes = Number(options.minutes)
  const nc = await connect({ servers: stack.natsUrl })
  const rows = hosts * minutes * 60
  const late = fork(
    join(import.meta.dirname, "backlog.ts"),
    [
      "--nats",
      stack.natsUrl,
      "--hosts",
      `${hosts}`,
      "--from",
      "1000",
      "--rows",
      `${rows}`,
      "--life",
      " late",
    ],
    { stdio: ["ignore", "inherit", "inherit", "ipc"] },
  )
  await once(late, "message")
  const watchers = fork(
    join(import.meta.dirname, "watchers.ts"),
    ["--url", stack.hubUrl, "--sockets", "10", "--visible", "10"],
    { stdio: ["ignore", "inherit", "inherit", "ipc"] },
  )
  const seenUntilNow = async (): Promise<Seen> => {
    watchers.send("read")
    const [seen] = (await once(watchers, "message")) as [Seen]
    return seen
  }
  try {
    const done = new AbortController()
    const live = startedHosts(hosts)
    const out = publisher(nc)
    const living = (async () => {
      while (!done.signal.aborted) await emitFleet(out, { hosts: live, requestsPerS: 5, seconds: 5 })
    })()
    await pause(8_000)
    await seenUntilNow()
    await pause(10_000)
    const quiet = await seenUntilNow()
    const startedAt = performance.now()
    late.send("hand in")
    await once(late, "message")
    const publishedS = (performance.now() - startedAt) / 1000
    while ((await consumed(nc, "BOO_PERF")).num_pending > 100) await pause(50)
    const seconds = (performance.now() - startedAt) / 1000
    const busy = await seenUntilNow()
    done.abort()
    await living
    // What a request begins is taken back a little later.
    await pause(1_000)
    await out.settled()
    const p99 = (seen: Seen) => Math.max(...Object.values(seen.latencies).map((one) => one.p99))
    const kinds = (seen: Seen): string =>
      Object.entries(seen.latencies)
        .map(([kind, one]) => `${kind} ${one.p50}/${one.p99}`)
        .join(", ")
    console.log(`event to socket, ms p50/p99: before ${kinds(quiet)}; meanwhile ${kinds(busy)}`)
    const met = seconds <= CATCH_UP_TARGET_S && p99(busy) <= 2 * p99(quiet)
    console.log(
      `${minutes} min x ${hosts} hosts (${rows} samples, ${rows * 4} GPU readings) handed in beside ${hosts} live hosts: ` +
        `published in ${publishedS.toFixed(0)} s, caught up after ${seconds.toFixed(0)} s (${(rows / seconds).toFixed(0)} samples/s); ` +
        `event to socket p99 ${p99(quiet)} ms before, ${p99(busy)} ms meanwhile; ` +
        `target ${CATCH_UP_TARGET_S} s and twice: ${met ? "met" : "NOT MET"}`,
    )
    return met
  } finally {
    late.kill()
    watchers.kill()
    await nc.close()
  }
}

console.log(
  `${await conditions()}; ${options.rows} rows, median of ${options.rounds} rounds, 4 GPUs a sample`,
)
const folder = mkdtempSync(join(tmpdir(), "boocontrol-copy-"))
const hubFlags = options.profile ? ["--cpu-prof", `--cpu-prof-dir=${options.profile}`] : []
const stack = await startStack({ hubFlags })
try {
  let met = true
  for (const kind of KINDS.filter(({ name }) => options.only === undefined || options.only === name)) {
    const rounds: Rates[] = []
    for (let n = 0; n < Number(options.rounds); n += 1) rounds.push(await oneRound(stack, kind, folder))
    met = tell(kind, rounds) && met
  }
  console.log(`load ${loadNow()}`)
  if (Number(options.minutes) > 0) met = (await catchUp(stack)) && met
  process.exitCode = met ? 0 : 1
} finally {
  await stack.stop()
  rmSync(folder, { recursive: true, force: true })
}
