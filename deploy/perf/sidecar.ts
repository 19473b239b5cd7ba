// Resident memory and processor time of the bundled sidecar at work, beside node_exporter scraped at the same rate.
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { parseArgs } from "node:util"
import { startSimulatedHost } from "../demo/src/index.ts"
import { freePort } from "../local/src/free-port.ts"
import { findProgram } from "../local/src/find-program.ts"
import { buildSidecar } from "../../sidecar/build.ts"
import { conditions, percentile } from "./figures.ts"
import { QUAD } from "./sidecar-host.ts"
import { startStack } from "./stack.ts"

const TARGET_RSS_MIB = 65
const TARGET_CPU_PCT = 0.5
/** Start-up is not steady state: slope and processor time are counted from here on. */
const WARM_UP_S = 60

interface Reading {
  atS: number
  rssMib: number
  cpuTicks: number
}

interface Watched {
  name: string
  pid: number
  readings: Reading[]
}

const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } })
const seconds = Math.max(WARM_UP_S + 30, Number(values.minutes) * 60)
const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }))

function stat(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8")
  return text.slice(text.lastIndexOf(")") + 2).split(" ")
}

function read(pid: number, atS: number): Reading {
  const fields = stat(pid)
  const rss = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
  return { atS, rssMib: Number(rss) / 1024, cpuTicks: Number(fields[11]) + Number(fields[12]) }
}

/** Time of children that ended and were waited for: the short-lived facts process. */
function endedChildrenTicks(pid: number): number {
  const fields = stat(pid)
  return Number(fields[13]) + Number(fields[14])
}

function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => {
      try {
        return Number(stat(child)[1]) === pid
      } catch {
        return false
      }
    })
}

/** MB per hour by least squares. */
function slopePerHour(readings: readonly Reading[]): number {
  const n = readings.length
  const meanX = readings.reduce((sum, { atS }) => sum + atS, 0) / n
  const meanY = readings.reduce((sum, { rssMib }) => sum + rssMib, 0) / n
  const covariance = readings.reduce((sum, { atS, rssMib }) => sum + (atS - meanX) * (rssMib - meanY), 0)
  const variance = readings.reduce((sum, { atS }) => sum + (atS - meanX) ** 2, 0)
  return (covariance / variance) * 3600
}

function cpuPct(readings: readonly Reading[]): number {
  const first = readings[0]
  const last = readings.at(-1)
  if (!first || !last) return Number.NaN
  return ((last.cpuTicks - first.cpuTicks) / ticksPerSecond / (last.atS - first.atS)) * 100
}

function line({ name, readings }: Watched): string {
  const steady = readings.filter(({ atS }) => atS >= WARM_UP_S)
  const rss = readings.map(({ rssMib }) => rssMib)
  return [
    name.padEnd(26),
    `RSS median ${percentile(rss, 0.5).toFixed(1)} MiB`,
    `max ${Math.max(...rss).toFixed(1)} MiB`,
    `slope ${slopePerHour(steady).toFixed(2)} MiB/h`,
    `CPU ${cpuPct(steady).toFixed(2)} % of a core`,
  ].join("   ")
}

async function startNodeExporter(): Promise<{ child: ChildProcess; url: string } | null> {
  const program = findProgram("prometheus-node-exporter")
  if (program === null) return null
  const port = await freePort("127.0.0.1", null)
  const child = spawn(program, [`--web.listen-address=127.0.0.1:${port}`], { stdio: "ignore" })
  return { child, url: `http://127.0.0.1:${port}/metrics` }
}

async function scrape(url: string): Promise<void> {
  await fetch(url)
    .then((reply) => reply.arrayBuffer())
    .catch(() => undefined)
}

const told = await conditions()
await buildSidecar()
const stack = await startStack()
const host = await startSimulatedHost(QUAD)
const exporter = await startNodeExporter()
const sidecar = stack.startSidecar(host.hostId, { LLAMA_SWAP_URL: host.url, NVIDIA_SMI: host.nvidiaSmiPath })
try {
  const watched: Watched[] = [{ name: "sidecar", pid: sidecar.pid ?? 0, readings: [] }]
  if (exporter) watched.push({ name: "prometheus-node-exporter", pid: exporter.child.pid ?? 0, readings: [] })
  const smi: Watched = { name: "nvidia-smi (simulated)", pid: 0, readings: [] }
  const startedAt = performance.now()
  let factsAtWarm = 0
  for (let tick = 1; tick <= seconds; tick += 1) {
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(0, startedAt + tick * 1_000 - performance.now())),
    )
    if (exporter) await scrape(exporter.url)
    const atS = (performance.now() - startedAt) / 1_000
    for (const one of watched) one.readings.push(read(one.pid, atS))
    if (tick === WARM_UP_S) {
      smi.pid = childrenOf(sidecar.pid ?? 0)[0] ?? 0
      factsAtWarm = endedChildrenTicks(sidecar.pid ?? 0)
    }
    if (smi.pid > 0) smi.readings.push(read(smi.pid, atS))
    if (tick % 60 === 0) console.error(`${tick / 60} of ${seconds / 60} minutes`)
  }
  const factsTicks = endedChildrenTicks(sidecar.pid ?? 0) - factsAtWarm
  const factsPct = (factsTicks / ticksPerSecond / (seconds - WARM_UP_S)) * 100

  console.log(
    `${told}; ${seconds} s, 4 GPUs at 1 Hz, live events of a simulated llama-swap, hub and Postgres on the same machine`,
  )
  for (const one of watched) console.log(line(one))
  if (smi.readings.length > 0) console.log(line(smi))
  console.log(
    `${"facts process, 1 a minute".padEnd(26)}   CPU ${factsPct.toFixed(2)} % of a core (systeminformation and node-nvidia-smi, not resident)`,
  )
  const [own] = watched
  const max = Math.max(...(own?.readings ?? []).map(({ rssMib }) => rssMib))
  const cpu = cpuPct((own?.readings ?? []).filter(({ atS }) => atS >= WARM_UP_S))
  const met = max <= TARGET_RSS_MIB && cpu <= TARGET_CPU_PCT
  console.log(
    `target RSS <= ${TARGET_RSS_MIB} MiB and CPU <= ${TARGET_CPU_PCT} %: ${met ? "met" : "NOT MET"}`,
  )
  if (!exporter) console.log("prometheus-node-exporter is not installed: nothing to compare with")
  process.exitCode = met ? 0 : 1
} finally {
  exporter?.child.kill()
  await stack.stop()
  await host.stop()
}
