import { writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { createRandom } from "../../demo/src/random.ts"
import { conditions } from "../figures.ts"
import { startFleet } from "./fleet.ts"
import type { Fleet } from "./fleet.ts"
import type { ChaosOptions } from "./options.ts"
import { openHistory } from "./oracle/history.ts"
import type { History } from "./oracle/history.ts"
import { isClean, judge, rowsNow } from "./oracle/judge.ts"
import type { Verdict } from "./oracle/judge.ts"
import { republishStreams, unacknowledged } from "./oracle/streams.ts"
import { faultTable, rowLines, telemetryLines } from "./report.ts"
import { applyFaults } from "./schedule.ts"
import type { Application } from "./schedule.ts"
import { startServers } from "./servers.ts"
import type { Servers } from "./servers.ts"

// The name of the durable that all hubs share.
const DURABLE = "boo-hub"
const WARM_UP_MS = 10_000

export interface ChaosResult {
  clean: boolean
  verdict: Verdict
  applied: Application[]
}

/** Starts everything, breaks it, waits until it has mended, and compares. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  console.log(`${await conditions()}; seed ${options.seed}`)
  const servers = await startServers(options.hubs)
  const natsUrl = `nats://127.0.0.1:${servers.natsPort}`
  const history = openHistory(servers.databaseUrl)
  const fleet = await startFleet(servers, options.hosts, options.seed)
  let keep = true
  try {
    await delay(WARM_UP_MS)
    const fromMs = Date.now()
    const world = {
      ...{ servers, options, random: createRandom(options.seed) },
      republish: async (host: string) => void (await whileUp(() => republishStreams(natsUrl, host))),
    }
    const applied = await applyFaults(world, fleet)
    await fleet.quieten()
    const watched = { fromMs, toMs: Date.now() }
    for (const { simulated } of fleet.hosts) simulated.control.addRow({ model: "last" })
    const tookMs = await settled({ fleet, history, natsUrl, servers }, options.settleMs)
    await Promise.all(fleet.hosts.map(({ sidecar }) => sidecar.stop()))
    await acknowledged(natsUrl, 60_000)
    const verdict = await judge({ hosts: fleet.hosts, history, natsUrl, watched })
    const clean = isClean(verdict)
    tell({ clean, verdict, applied }, { tookMs, fleet, servers })
    if (!clean) keepEvidence({ clean, verdict, applied }, servers.folder)
    keep = options.keep || !clean
    return { clean, verdict, applied }
  } finally {
    await history.close().catch(() => undefined)
    await fleet.stop()
    await servers.stop()
    if (!keep) servers.remove()
  }
}

interface Settling {
  fleet: Fleet
  history: History
  natsUrl: string
  servers: Servers
}

/** Waits until nothing is on its way any more. Gives how long that took, null where it did not come to rest. */
async function settled(
  { fleet, history, natsUrl, servers }: Settling,
  withinMs: number,
): Promise<number | null> {
  const startMs = Date.now()
  let calm = 0
  while (Date.now() - startMs < withinMs) {
    const rows = await rowsNow(fleet.hosts, history).catch(() => null)
    const waiting = await unacknowledged(natsUrl, DURABLE).catch(() => Infinity)
    const kept = await spoolDepth(servers)
    const missing = rows ? rows.lost.length : Infinity
    // Telemetry never rests: a message a host may be on its way.
    const isCalm = missing === 0 && waiting <= fleet.hosts.length && kept <= 2 * fleet.hosts.length
    calm = isCalm ? calm + 1 : 0
    if (calm >= 3) return Date.now() - startMs
    console.log(`settling: rows not there ${missing}, not acknowledged ${waiting}, in spools ${kept}`)
    await delay(2_000)
  }
  return null
}

/** What the hosts say that their spools hold, as the first hub that answers knows it. */
async function spoolDepth({ hubs }: Servers): Promise<number> {
  for (const { url } of hubs) {
    try {
      const reply = await fetch(`${url}/api/control/fleet`, { signal: AbortSignal.timeout(2_000) })
      const { hosts } = (await reply.json()) as { hosts: { spool: { depth: number } | null }[] }
      return hosts.reduce((sum, { spool }) => sum + (spool?.depth ?? 0), 0)
    } catch {
      // The next one.
    }
  }
  return Infinity
}

async function acknowledged(natsUrl: string, withinMs: number): Promise<void> {
  const untilMs = Date.now() + withinMs
  while (Date.now() < untilMs) {
    if ((await unacknowledged(natsUrl, DURABLE).catch(() => 1)) === 0) return
    await delay(250)
  }
}

/** Again until it works: another fault may be at work on what it needs. */
async function whileUp<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    const done = await Promise.race([work().catch(() => null), delay(20_000).then(() => null)])
    if (done !== null) return done
    await delay(500)
  }
}

function tell(result: ChaosResult, run: { tookMs: number | null; fleet: Fleet; servers: Servers }): void {
  const { verdict, applied, clean } = result
  const { tookMs, fleet, servers } = run
  const units = [servers.database, servers.nats, ...servers.hubs.map(({ unit }) => unit)]
  const ends = [...units, ...fleet.hosts.map(({ sidecar }) => sidecar)].flatMap((unit) =>
    unit.ownEnds().map((how) => `${unit.name} ended by itself: ${how.split("\n")[0]}`),
  )
  console.log(`\n${faultTable(applied, verdict)}\n\n${telemetryLines(verdict)}`)
  console.log(
    `settled   ${tookMs === null ? "not in time" : `${(tookMs / 1000).toFixed(1)} s after the last fault`}`,
  )
  for (const line of ends.slice(0, 20)) console.log(line)
  if (!clean) console.log(`\n${rowLines(verdict)}`)
  console.log(
    `\nload ${loadavg()[0]?.toFixed(1)} at the end: ${clean ? "nothing lost, nothing doubled" : "FAILED"}`,
  )
}

function keepEvidence(result: ChaosResult, folder: string): void {
  const file = join(folder, "evidence.json")
  const { rows, ...rest } = result.verdict
  const { emitted, stored, ...wrong } = rows
  writeFileSync(file, JSON.stringify({ ...rest, wrong, applied: result.applied }, null, 1))
  console.log(`evidence in ${file}: ${emitted.length} rows emitted, ${stored.length} stored`)
}
