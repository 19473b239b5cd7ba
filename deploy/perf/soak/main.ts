// pnpm perf:soak: whether hub and sidecar need as much memory after an hour as after ten minutes.
import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { setPriority, tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { connect } from "@nats-io/transport-node"
import { LOG_TAIL_LINES } from "@boocontrol/shared/logs"
import { silentLog } from "../../../hub/src/platform/log.ts"
import { connectPostgres } from "../../../hub/src/platform/postgres.ts"
import { buildSidecar } from "../../../sidecar/build.ts"
import { startSimulatedHost } from "../../demo/src/index.ts"
import { conditions } from "../figures.ts"
import type { Ledger } from "../load.ts"
import { loadNow, rssMib } from "../processes.ts"
import { QUAD } from "../sidecar-host.ts"
import { startStack } from "../stack.ts"
import { trafficHost } from "../traffic.ts"
import type { Seen } from "../watchers.ts"
import { plotOf } from "./plot.ts"
import { trendOf } from "./trend.ts"
import type { Reading } from "./trend.ts"

const EVERY_S = 5
const TELL_EVERY_S = 300
const SOCKETS = 10
const VISIBLE_HOSTS = 12
/** Hosts that are registered, caches that fill and code that is compiled are not what is looked for. */
const WARM_UP_SHARE = 1 / 6

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    hosts: { type: "string", default: "200" },
    /** Requests per second over all hosts. */
    requests: { type: "string", default: "10" },
    plot: { type: "string", default: join(import.meta.dirname, "../../../docs/images/soak.svg") },
    /** Of everything started here, for a machine that has other work to do. */
    nice: { type: "string", default: "0" },
  },
})
setPriority(Number(values.nice))
const seconds = Number(values.minutes) * 60
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

interface Watched {
  name: string
  pid: number
  rss: Reading[]
  heap: Reading[]
}

function child(file: string, args: Record<string, string>): ChildProcess {
  const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}`, value])
  return fork(join(import.meta.dirname, "..", file), flags, { stdio: ["ignore", "pipe", "inherit", "ipc"] })
}

async function outputOf(process: ChildProcess): Promise<string> {
  let text = ""
  process.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()))
  await once(process, "close")
  return text
}

function heapOf(folder: string, pid: number, startMs: number): Reading[] {
  try {
    const lines = readFileSync(join(folder, `${pid}.heap`), "utf8")
      .trim()
      .split("\n")
    return lines.map((line) => {
      const [atMs = 0, bytes = 0] = line.split(" ").map(Number)
      return { atS: (atMs - startMs) / 1000, mib: bytes / 2 ** 20 }
    })
  } catch {
    return []
  }
}

/**
 * The hub keeps the last lines of each host. At the rate of this load they would take an hour to gather, and would look
 * like a leak: 60 MiB for 200 hosts.
 */
async function fillLogTails(natsUrl: string, hosts: number): Promise<void> {
  const nc = await connect({ servers: natsUrl })
  const lines = 100
  for (let round = 0; round < LOG_TAIL_LINES / lines; round += 1) {
    for (let n = 0; n < hosts; n += 1) {
      const { subject, text } = trafficHost(n).log(Date.now(), lines)
      nc.publish(subject, text)
    }
    await nc.flush()
    await pause(500)
  }
  await nc.close()
}

async function storedRows(url: string, wanted: Ledger): Promise<{ samples: number; requests: number }> {
  const sql = connectPostgres(url, { log: silentLog, max: 1, answerWithinMs: null })
  try {
    for (let attempt = 0; ; attempt += 1) {
      const [row] = await sql<{ samples: number; requests: number }[]>`
        select (select count(*) from control_perf_samples where provider_id like 'load-%') as samples,
          (select count(*) from control_requests where provider_id like 'load-%') as requests`
      const stored = row ?? { samples: 0, requests: 0 }
      if ((stored.samples >= wanted.samples && stored.requests >= wanted.requests) || attempt === 60)
        return stored
      await pause(1_000)
    }
  } finally {
    await sql.end()
  }
}

function draw(watched: readonly Watched[], title: string): void {
  const panels = watched.map(({ name, rss, heap }) => ({
    title: name,
    series: [
      { name: "RSS", readings: rss },
      { name: "heap", readings: heap },
    ],
  }))
  writeFileSync(values.plot, plotOf({ title, panels }))
}

function isFlat({ name, rss, heap }: Watched): boolean {
  const steady = (readings: readonly Reading[]) =>
    readings.filter(({ atS }) => atS >= seconds * WARM_UP_SHARE)
  return [
    { what: "RSS", readings: rss },
    { what: "heap", readings: heap },
  ]
    .map(({ what, readings }) => {
      const { perHour, noise, median, max } = trendOf(steady(readings))
      const flat = perHour <= noise
      console.log(
        `${`${name}, ${what}`.padEnd(20)} median ${median.toFixed(1)}  max ${max.toFixed(1)} MiB  ` +
          `slope ${perHour.toFixed(2)} +- ${noise.toFixed(2)} MiB/h  ${flat ? "flat" : "GROWS"}`,
      )
      return flat
    })
    .every(Boolean)
}

const told = await conditions()
const [date] = told.split(",")
await buildSidecar()
const heapFolder = mkdtempSync(join(tmpdir(), "boocontrol-soak-"))
const beacon = pathToFileURL(join(import.meta.dirname, "heap-beacon.mjs"))
beacon.searchParams.set("folder", heapFolder)
const stack = await startStack({ hubFlags: ["--import", beacon.href] })
const host = await startSimulatedHost(QUAD)
const children: ChildProcess[] = []
try {
  const sidecar = stack.startSidecar(host.hostId, {
    LLAMA_SWAP_URL: host.url,
    NVIDIA_SMI: host.nvidiaSmiPath,
    NODE_OPTIONS: `--import=${beacon.href}`,
  })
  const { hosts, requests } = values
  const emitter = child("load.ts", { nats: stack.natsUrl, hosts, requests, seconds: String(seconds) })
  const emitted = outputOf(emitter)
  // Hosts that are not known yet have no tail: each is there after its first second.
  await pause(5_000)
  await fillLogTails(stack.natsUrl, Number(hosts))
  const watchers = child("watchers.ts", {
    ...{ url: stack.hubUrl, sockets: String(SOCKETS), visible: String(VISIBLE_HOSTS) },
  })
  children.push(emitter, watchers)
  const watched: Watched[] = [
    { name: "hub", pid: stack.hub.pid ?? 0, rss: [], heap: [] },
    { name: "sidecar", pid: sidecar.pid ?? 0, rss: [], heap: [] },
  ]
  const startMs = Date.now()
  const title = `${hosts} hosts of 4 GPUs at 1 Hz, ${requests} requests/s, 10 sockets; ${date}`
  for (let atS = EVERY_S; atS <= seconds; atS += EVERY_S) {
    await pause(Math.max(0, startMs + atS * 1000 - Date.now()))
    for (const one of watched) {
      one.rss.push({ atS, mib: rssMib(one.pid) })
      one.heap = heapOf(heapFolder, one.pid, startMs)
    }
    if (atS % TELL_EVERY_S !== 0) continue
    const now = watched.map(
      ({ name, rss, heap }) => `${name} ${rss.at(-1)?.mib.toFixed(1)} / ${heap.at(-1)?.mib.toFixed(1)}`,
    )
    console.error(`${atS / 60} min: RSS / heap MiB ${now.join(", ")}; load ${loadNow()}`)
    draw(watched, title)
  }
  watchers.send("read")
  const [seen] = (await once(watchers, "message")) as [Seen]
  const ledger = JSON.parse(await emitted) as Ledger
  const stored = await storedRows(stack.databaseUrl, ledger)
  draw(watched, title)
  console.log(`${told}; ${title}; ${values.minutes} minutes, slopes without the first sixth, noise at 95 %`)
  const flat = watched.map(isFlat).every(Boolean)
  const isWhole = stored.samples === ledger.samples && stored.requests === ledger.requests
  console.log(
    `emitted ${ledger.samples} samples, ${ledger.requests} requests, ${ledger.lateTicks} late ticks; ` +
      `stored ${isWhole ? "every one" : `${stored.samples}, ${stored.requests}: NOT EQUAL`}; ` +
      `sockets: ${seen.holes} holes, ${seen.lagged} lagged, ${seen.closed} closed`,
  )
  process.exitCode = flat && isWhole ? 0 : 1
} finally {
  for (const one of children) if (one.exitCode === null) one.kill("SIGKILL")
  await stack.stop()
  await host.stop()
  rmSync(heapFolder, { recursive: true, force: true })
}
