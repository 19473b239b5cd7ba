import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { HUB_MEMORY } from "../local/src/hub-memory.ts"
import { freePort } from "../local/src/free-port.ts"
import { startGuard } from "../local/src/processes/guard.ts"
import { openLogFile } from "../local/src/processes/log-file.ts"
import { findNatsServer } from "../local/src/services/nats-binary.ts"
import { startNatsServer } from "../local/src/services/nats-server.ts"
import { startPostgres } from "../local/src/services/postgres.ts"

const ROOT = join(import.meta.dirname, "../..")

export interface Stack {
  /** `http://127.0.0.1:<port>` of the hub. */
  hubUrl: string
  hub: ChildProcess
  natsUrl: string
  databaseUrl: string
  /** Where all of it keeps its files. */
  folder: string
  /** What counts as the product: its process trees. */
  pids(): { hub: number; nats: number; postgres: number }
  /** Ends the hub, and starts one again on the same address. */
  stopHub(): Promise<void>
  startHub(): Promise<void>
  /** Starts a bundled sidecar for one simulated host. */
  startSidecar(hostId: string, env: Record<string, string>): ChildProcess
  stop(): Promise<void>
}

/** Everything between a simulated host and a socket, each part a real process, in a folder that goes with it. */
export async function startStack({ hubFlags = [] }: { hubFlags?: string[] } = {}): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-perf-"))
  const guard = startGuard()
  const binary = await findNatsServer({ dataDir: folder, onProgress: (line) => console.error(line) })
  const [database, nats] = await Promise.all([
    startPostgres({ dataDir: folder, guard }),
    startNatsServer({
      ...{ binary, guard, auth: null, host: "127.0.0.1", port: -1 },
      configFile: join(folder, "nats.conf"),
      storeDir: join(folder, "jetstream"),
      log: openLogFile(join(folder, "nats-server.log")),
    }),
  ])
  if (!nats) throw new Error("nats-server found no free port")
  const natsUrl = `nats://127.0.0.1:${nats.port}`
  const port = await freePort("127.0.0.1", null)
  const hubUrl = `http://127.0.0.1:${port}`
  const children: ChildProcess[] = []

  function start(args: string[], env: Record<string, string>): ChildProcess {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, BOO_LIFELINE: "1", NATS_URL: natsUrl, ...env },
      stdio: ["pipe", "ignore", process.env.PERF_VERBOSE ? "inherit" : "ignore"],
    })
    children.push(child)
    return child
  }

  const startHub = async (): Promise<ChildProcess> => {
    const child = start([...hubFlags, "hub/src/main.ts", "serve"], {
      ...HUB_MEMORY,
      DATABASE_URL: database.url,
      BOO_LISTEN: `127.0.0.1:${port}`,
      BOO_DATA_DIR: join(folder, "hub"),
    })
    await answering(`${hubUrl}/api/health`)
    return child
  }
  let hub = await startHub()
  return {
    hubUrl,
    get hub() {
      return hub
    },
    natsUrl,
    databaseUrl: database.url,
    folder,
    pids: () => ({ hub: hub.pid ?? 0, nats: nats.child.pid, postgres: database.child.pid }),
    stopHub: () => endChild(hub),
    async startHub() {
      hub = await startHub()
    },
    startSidecar: (hostId, env) =>
      start([join(ROOT, "sidecar/dist/sidecar.mjs"), "run"], {
        BOO_HOST_ID: hostId,
        BOO_SPOOL_DIR: join(folder, "spool", hostId),
        BOO_SIMULATED: "1",
        ...env,
      }),
    async stop() {
      await Promise.all(children.map(endChild))
      await nats.child.stop()
      await database.child.stop()
      await guard.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, "exit")
  child.kill("SIGTERM")
  const late = setTimeout(() => child.kill("SIGKILL"), 10_000)
  await exited
  clearTimeout(late)
}

async function answering(url: string): Promise<void> {
  const deadline = Date.now() + 30_000
  for (;;) {
    const reply = await fetch(url).catch(() => null)
    if (reply?.ok) return
    if (Date.now() > deadline) throw new Error(`${url} did not answer within 30 s`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
