// pnpm perf:fleet: what hub, NATS and Postgres need for many hosts at 1 Hz, and how late a cockpit hears of them.
import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { setPriority } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { connectPostgres } from "../../hub/src/platform/postgres.ts"
import { silentLog } from "../../hub/src/platform/log.ts"
import { conditions } from "./figures.ts"
import type { Ledger } from "./load.ts"
import { loadNow, rssMib, treeCpuSeconds } from "./processes.ts"
import { startStack } from "./stack.ts"
import type { Stack } from "./stack.ts"
import type { Seen } from "./watchers.ts"

const TARGET_SHARE_PCT = 60
const TARGET_P99_MS = 250
const TARGET_GROWN_PCT = 5
/** A hub that has just started takes its memory bit by bit. */
const RSS_SETTLES_S = 300
const CORES = 2
const SOCKETS = 10
const VISIBLE_HOSTS = 12
/** Registering a thousand hosts is not steady state. */
const WARM_UP_S = 20
const LINEAR_WITHIN = 1.1
const CURVE = [10, 100, 300, 1_000]

const { values: options } = parseArgs({
  options: {
    hosts: { type: "string", default: "1000" },
    minutes: { type: "string", default: "10" },
    requests: { type: "string" },
    curve: { type: "boolean", default: false },
    profile: { type: "string" },
    /** Of everything started here, for a machine that has other work to do. */
    nice: { type: "string", default: "0" },
  },
})

setPriority(Number(options.nice))

interface Run {
  hosts: number
  cpuPct: { hub: number; nats: number; postgres: number; all: number }
  /** `grownPct`: from the second quarter of the run to the last. Null: too short a run to say. */
  rssMib: { first: number; last: number; perHour: number; grownPct: number | null }
  ledger: Ledger
  stored: { samples: number; requests: number }
  seen: Seen
  load: string
}

function child(file: string, args: Record<string, string>): ChildProcess {
  const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}`, value])
  return fork(join(import.meta.dirname, file), flags, { stdio: ["ignore", "pipe", "inherit", "ipc"] })
}

async function outputOf(process: ChildProcess): Promise<string> {
  let text = ""
  process.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()))
  await once(process, "close")
  return text
}

function cpuOf(stack: Stack): { hub: number; nats: number; postgres: number } {
  const { hub, nats, postgres } = stack.pids()
  return { hub: treeCpuSeconds(hub), nats: treeCpuSeconds(nats), postgres: treeCpuSeconds(postgres) }
}

/** MiB per hour by least squares. */
function slopePerHour(readings: readonly { atS: number; mib: number }[]): number {
  const mean = (read: (one: { atS: number; mib: number }) => number): number =>
    readings.reduce((sum, one) => sum + read(one), 0) / readings.length
  const [x, y] = [mean(({ atS }) => atS), mean(({ mib }) => mib)]
  return (mean(({ atS, mib }) => (atS - x) * (mib - y)) / mean(({ atS }) => (atS - x) ** 2)) * 3600
}

/** Of medians, so that one collection of garbage more or less does not matter. */
function grownPct(mib: readonly number[]): number {
  const quarter = (n: number): number => {
    const part = mib.slice(Math.floor((mib.length * n) / 4), Math.floor((mib.length * (n + 1)) / 4))
    return part.toSorted((a, b) => a - b)[Math.floor(part.length / 2)] ?? Number.NaN
  }
  return (quarter(3) / quarter(1) - 1) * 100
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

async function measure(hosts: number, seconds: number): Promise<Run> {
  const hubFlags = options.profile ? ["--cpu-prof", `--cpu-prof-dir=${options.profile}`] : []
  const stack = await startStack({ hubFlags })
  const children: ChildProcess[] = []
  try {
    const requests = options.requests ?? String(hosts / 20)
    const emitter = child("load.ts", {
      ...{ nats: stack.natsUrl, hosts: String(hosts), requests, seconds: String(seconds + WARM_UP_S) },
    })
    const emitted = outputOf(emitter)
    await pause((WARM_UP_S / 2) * 1000)
    const watchers = child("watchers.ts", {
      ...{ url: stack.hubUrl, sockets: String(SOCKETS), visible: String(Math.min(VISIBLE_HOSTS, hosts)) },
    })
    children.push(emitter, watchers)
    await pause((WARM_UP_S / 2) * 1000)
    watchers.send("read")
    await once(watchers, "message")
    const before = cpuOf(stack)
    const startedAt = performance.now()
    const rss: { atS: number; mib: number }[] = []
    const load: string[] = []
    while (performance.now() - startedAt < seconds * 1000) {
      await pause(1_000)
      rss.push({ atS: (performance.now() - startedAt) / 1000, mib: rssMib(stack.hub.pid ?? 0) })
      if (rss.length % 30 === 1) load.push(loadNow())
    }
    const elapsedS = (performance.now() - startedAt) / 1000
    const after = cpuOf(stack)
    const pct = (part: keyof typeof after): number => ((after[part] - before[part]) / elapsedS / CORES) * 100
    const cpuPct = { hub: pct("hub"), nats: pct("nats"), postgres: pct("postgres") }
    watchers.send("read")
    const [seen] = (await once(watchers, "message")) as [Seen]
    const ledger = JSON.parse(await emitted) as Ledger
    return {
      ...{ hosts, ledger, seen, load: load.join(", ") },
      cpuPct: { ...cpuPct, all: cpuPct.hub + cpuPct.nats + cpuPct.postgres },
      rssMib: {
        ...{ first: rss[0]?.mib ?? 0, last: rss.at(-1)?.mib ?? 0, perHour: slopePerHour(rss) },
        grownPct: seconds < RSS_SETTLES_S ? null : grownPct(rss.map(({ mib }) => mib)),
      },
      stored: await storedRows(stack.databaseUrl, ledger),
    }
  } finally {
    for (const one of children) if (one.exitCode === null) one.kill("SIGKILL")
    await stack.stop()
  }
}

/** Counted by SQL once nothing more comes: what is not there after a while is lost. */
async function storedRows(url: string, ledger: Ledger): Promise<{ samples: number; requests: number }> {
  const sql = connectPostgres(url, { log: silentLog, max: 1, answerWithinMs: null })
  try {
    for (let attempt = 0; ; attempt += 1) {
      const [row] = await sql<{ samples: number; requests: number }[]>`
        select (select count(*) from control_perf_samples) as samples, (select count(*) from control_requests) as requests`
      const stored = { samples: row?.samples ?? 0, requests: row?.requests ?? 0 }
      const isAll = stored.samples >= ledger.samples && stored.requests >= ledger.requests
      if (isAll || attempt === 60) return stored
      await pause(500)
    }
  } finally {
    await sql.end()
  }
}

function report(run: Run): boolean {
  const { cpuPct, ledger, stored, seen, hosts } = run
  const pct = (value: number): string => `${value.toFixed(1)} %`
  console.log(`\n${hosts} hosts, load average ${run.load}`)
  console.log(
    `  of two cores: ${pct(cpuPct.all)} (hub ${pct(cpuPct.hub)}, NATS ${pct(cpuPct.nats)}, Postgres ${pct(cpuPct.postgres)})`,
  )
  const { first, last, perHour, grownPct: grown } = run.rssMib
  const flat = grown === null ? "too short a run to say whether it is flat" : `grown by ${pct(grown)}`
  console.log(
    `  hub RSS ${first.toFixed(0)} -> ${last.toFixed(0)} MiB, slope ${perHour.toFixed(0)} MiB/h, ${flat}`,
  )
  for (const [type, { n, p50, p99, max }] of Object.entries(seen.latencies))
    console.log(`  event to socket, ${type.padEnd(17)} n ${n}  p50 ${p50} ms  p99 ${p99} ms  max ${max} ms`)
  console.log(
    `  sockets: ${seen.frames} frames, ${seen.megabytes.toFixed(1)} MB; ${seen.holes} holes, ${seen.lagged} lagged, ${seen.closed} closed`,
  )
  const isWhole = stored.samples === ledger.samples && stored.requests === ledger.requests
  console.log(
    `  emitted ${ledger.samples} samples, ${ledger.requests} requests in ${ledger.messages} messages (${ledger.resent} resent, ` +
      `NATS ack p99 ${ledger.ackP99Ms} ms, ${ledger.lateTicks} late ticks); stored ${stored.samples}, ${stored.requests}: ` +
      (isWhole ? "every one" : "NOT EQUAL"),
  )
  const p99 = Math.max(...Object.values(seen.latencies).map((latency) => latency.p99))
  const targets: [what: string, isMet: boolean][] = [
    [`<= ${TARGET_SHARE_PCT} % of two cores`, cpuPct.all <= TARGET_SHARE_PCT],
    [`p99 <= ${TARGET_P99_MS} ms`, p99 <= TARGET_P99_MS],
    [`RSS grown by <= ${TARGET_GROWN_PCT} %`, grown === null || grown <= TARGET_GROWN_PCT],
    ["nothing lost", isWhole && seen.holes + seen.closed + seen.lagged === 0],
  ]
  for (const [what, isMet] of targets) console.log(`  target ${what}: ${isMet ? "met" : "NOT MET"}`)
  const met = targets.every(([, isMet]) => isMet)
  return met
}

/** Linear or better: what one more host costs does not rise with their number. */
function reportCurve(curve: readonly Run[]): boolean {
  const share = ({ cpuPct, hosts }: Run): number => (cpuPct.all / hosts) * 1_000
  console.log("\nhosts   of two cores   per 1,000 hosts   p99 event to socket")
  for (const run of curve) {
    const p99 = Math.max(...Object.values(run.seen.latencies).map((latency) => latency.p99))
    console.log(
      `${String(run.hosts).padStart(5)} ${`${run.cpuPct.all.toFixed(1)} %`.padStart(14)} ` +
        `${`${share(run).toFixed(1)} %`.padStart(17)} ${`${p99} ms`.padStart(21)}`,
    )
  }
  const steps = curve.slice(1).map((run, n) => (curve[n] === undefined ? 1 : share(run) / share(curve[n])))
  const isLinear = steps.every((step) => step <= LINEAR_WITHIN)
  console.log(`target linear or better, within a tenth: ${isLinear ? "met" : "NOT MET"}`)
  return isLinear
}

console.log(
  `${await conditions()}; 4 GPUs per host at 1 Hz, ${SOCKETS} sockets with ${VISIBLE_HOSTS} visible hosts each`,
)
const seconds = Number(options.minutes) * 60
const runs: Run[] = []
let met = true
for (const hosts of options.curve ? CURVE : [Number(options.hosts)]) {
  const run = await measure(hosts, seconds)
  runs.push(run)
  met = report(run) && met
}
if (options.curve) met = reportCurve(runs) && met
process.exitCode = met ? 0 : 1
