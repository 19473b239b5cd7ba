import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { startSimulatedHost } from "../../demo/src/index.ts"
import type { HostScenarioInput, LedgerEntry, SimulatedHost } from "../../demo/src/index.ts"
import { createRandom } from "../../demo/src/random.ts"
import type { Random } from "../../demo/src/random.ts"
import { openLogFile } from "../../local/src/processes/log-file.ts"
import { buildSidecar } from "../../../sidecar/build.ts"
import { openLink } from "./link.ts"
import type { Link } from "./link.ts"
import { environment, folderIn, node } from "./servers.ts"
import type { Servers } from "./servers.ts"
import { createUnit } from "./unit.ts"
import type { Span, Unit } from "./unit.ts"

/** One simulated host with its real sidecar, and everything of it that can be broken. */
export interface ChaosHost {
  id: string
  simulated: SimulatedHost
  sidecar: Unit
  link: Link
  spoolFolder: string
  /** The spool stands on a disk of a few MB that can be filled. */
  smallDisk: boolean
  setClock(offsetMs: number): void
  /** When its clock was wrong, and by how much. */
  clockShifts: (Span & { offsetMs: number })[]
  /** Every row its llama-swap wrote, in all of its lives. */
  ledger: LedgerEntry[]
  /** A fault is being applied to it: others wait. */
  busy: boolean
}

export interface Fleet {
  hosts: ChaosHost[]
  /** Ends all traffic and waits for what is in flight. */
  quieten(): Promise<void>
  stop(): Promise<void>
}

// Enough for a few seconds of everything, little enough to be full soon.
const SMALL_DISK_MB = 8
const PRELOAD = join(import.meta.dirname, "shifted-clock.mjs")

export async function startFleet(servers: Servers, count: number, seed: number): Promise<Fleet> {
  const program = await buildSidecar(join(servers.folder, "sidecar"))
  const hosts: ChaosHost[] = []
  const mounted: string[] = []
  // Also where the run is broken off: a mount outlives its process.
  process.once("exit", () => unmount(mounted))
  const traffic = new AbortController()
  const clients: Promise<void>[] = []
  for (let index = 0; index < count; index++) {
    const host = await startHost({ index, seed, servers, program, mounted })
    hosts.push(host)
    const random = createRandom(`${seed}-traffic-${index}`)
    clients.push(
      ...[0, 1].map(() => client(host, random, traffic.signal)),
      batch(host, random, traffic.signal),
    )
  }
  return {
    hosts,
    async quieten() {
      traffic.abort()
      await Promise.race([Promise.allSettled(clients), delay(20_000)])
    },
    async stop() {
      await Promise.all(hosts.map((host) => host.sidecar.stop()))
      for (const { simulated } of hosts) endHung(simulated.gpuFile)
      await Promise.all(hosts.map((host) => host.simulated.stop()))
      await Promise.all(hosts.map((host) => host.link.close()))
      unmount(mounted)
    },
  }
}

interface HostPlace {
  index: number
  seed: number
  servers: Servers
  program: string
  mounted: string[]
}

async function startHost({ index, seed, servers, program, mounted }: HostPlace): Promise<ChaosHost> {
  const id = `h${String(index).padStart(2, "0")}`
  const ledger: LedgerEntry[] = []
  const simulated = await startSimulatedHost(scenarioOf(id, index, seed), {
    ledger: (entry) => void ledger.push(entry),
  })
  const link = await openLink(() => servers.natsPort)
  const spoolFolder = folderIn(servers.folder, "spool", id)
  const smallDisk = index % 4 === 1 && mountSmallDisk(spoolFolder)
  if (smallDisk) mounted.push(spoolFolder)
  const clockFile = join(folderIn(servers.folder, "clocks"), id)
  const setClock = (offsetMs: number): void => writeFileSync(clockFile, String(offsetMs))
  setClock(0)
  const log = openLogFile(join(servers.folder, "logs", `sidecar-${id}.log`))
  const env = {
    ...environment(),
    NATS_URL: `nats://127.0.0.1:${link.port}`,
    BOO_HOST_ID: id,
    BOO_SPOOL_DIR: spoolFolder,
    BOO_SIMULATED: "1",
    LLAMA_SWAP_URL: simulated.url,
    NVIDIA_SMI: simulated.nvidiaSmiPath,
    CHAOS_CLOCK_FILE: clockFile,
  }
  const args = ["--import", PRELOAD, program, "run"]
  const sidecar = createUnit(`sidecar ${id}`, () =>
    node(args, { name: "sidecar", env, guard: servers.guard, log }),
  )
  await sidecar.start()
  return {
    ...{ id, simulated, sidecar, link, spoolFolder, smallDisk, setClock, ledger },
    clockShifts: [],
    busy: false,
  }
}

function mountSmallDisk(folder: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SMALL_DISK_MB}m`, "tmpfs", folder], {
      stdio: "ignore",
    })
    return true
  } catch {
    return false
  }
}

/** An nvidia-smi that hangs outlives a sidecar that was killed meanwhile, as a real one would. */
function endHung(gpuFile: string): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`--state=${gpuFile}`))
        process.kill(Number(pid), "SIGKILL")
    } catch {
      // It ended meanwhile.
    }
  }
}

function unmount(folders: string[]): void {
  for (const folder of folders.splice(0)) execFileSync("umount", ["--lazy", folder])
}

const VERSIONS = ["v250-5-g0bdb372", "v250", "v235"] as const

/** Every version of the engine, stores on disk and in memory, rings large and too small, one card and two. */
function scenarioOf(id: string, index: number, seed: number): HostScenarioInput {
  const model = { load_s: 1, stop_s: 0.2, vram_mib: [4000], prefill_tps: 6000, decode_tps: 240 }
  return {
    host_id: id,
    seed: seed * 1000 + index,
    version: VERSIONS[index % VERSIONS.length] ?? "v250",
    gpus: index % 2 === 0 ? ["rtx-3090"] : ["rtx-3090", "rtx-3090"],
    persistent_store: index % 5 === 4,
    metrics_max_in_memory: index % 7 === 6 ? 25 : 1000,
    ready: ["chat"],
    models: [
      { id: "chat", ...model },
      { id: "code", ...model, reports: "usage" },
    ],
  }
}

/** Somebody who asks, reads the answer, thinks, and now and then goes away in the middle. */
async function client(host: ChaosHost, random: Random, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(random.between(300, 3500), signal)
    if (signal.aborted) return
    const answer = host.simulated.control.request({
      model: random.chance(0.04) ? "nobody" : random.chance(0.1) ? "code" : "chat",
      source: random.pick(["boochat", "boocoder", "arena"]),
      stream: random.chance(0.7),
      promptTokens: random.integer(20, 400),
      outputTokens: random.integer(5, 120),
      abortAfterMs: random.chance(0.05) ? random.between(50, 400) : null,
    })
    // A restarted llama-swap never answers what was in flight.
    await Promise.race([answer.catch(() => undefined), delay(8_000)])
  }
}

/** A program that sends many at once. */
async function batch(host: ChaosHost, random: Random, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(random.between(4_000, 20_000), signal)
    if (signal.aborted) return
    for (let left = random.integer(1, 12); left > 0; left--) {
      host.simulated.control.addRow({ duration_ms: random.integer(1, 1_000_000), model: "code" })
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
