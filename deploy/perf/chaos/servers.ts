import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { freePort } from "../../local/src/free-port.ts"
import { STAGE, startChild } from "../../local/src/processes/child.ts"
import type { Child } from "../../local/src/processes/child.ts"
import { startGuard } from "../../local/src/processes/guard.ts"
import type { Guard } from "../../local/src/processes/guard.ts"
import { openLogFile } from "../../local/src/processes/log-file.ts"
import { findNatsServer } from "../../local/src/services/nats-binary.ts"
import { startNatsServer } from "../../local/src/services/nats-server.ts"
import { startPostgres } from "../../local/src/services/postgres.ts"
import { toolFolder } from "../../local/src/tool-folder.ts"
import { openLink } from "./link.ts"
import type { Link } from "./link.ts"
import { createUnit } from "./unit.ts"
import type { Unit } from "./unit.ts"

export const ROOT = join(import.meta.dirname, "../../..")

export interface Hub {
  unit: Unit
  url: string
  natsLink: Link
  databaseLink: Link
}

/** Postgres, nats-server and hubs, each a process that can be broken, in a folder of their own. */
export interface Servers {
  folder: string
  guard: Guard
  database: Unit
  nats: Unit
  hubs: Hub[]
  natsPort: number
  databaseUrl: string
  stopHubs(): Promise<void>
  stop(): Promise<void>
  remove(): void
}

export async function startServers(hubCount: number): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-chaos-"))
  const guard = startGuard()
  let databaseUrl = ""
  const database = createUnit("postgres", async () => {
    const started = await startPostgres({ dataDir: folder, guard })
    databaseUrl = started.url
    return started.child
  })
  let natsPort = -1
  const binary = await findNatsServer({ dataDir: toolFolder(), onProgress: console.error })
  const natsLog = openLogFile(join(folder, "logs", "nats-server.log"))
  const nats = createUnit("nats-server", async () => {
    const started = await startNatsServer({
      ...{ binary, guard, auth: null, host: "127.0.0.1", port: natsPort, log: natsLog },
      configFile: join(folder, "nats.conf"),
      storeDir: join(folder, "jetstream"),
    })
    if (started === null) throw new Error(`port ${natsPort} is in use`)
    natsPort = started.port
    return started.child
  })
  await Promise.all([database.start(), nats.start()])
  const hubs: Hub[] = []
  for (let index = 1; index <= hubCount; index++) {
    hubs.push(await startHub({ index, folder, guard, natsPort, databaseUrl }))
  }
  return {
    ...{ folder, guard, database, nats, hubs, natsPort, databaseUrl },
    stopHubs: async () => void (await Promise.all(hubs.map(({ unit }) => unit.stop()))),
    async stop() {
      await Promise.all(hubs.map(({ unit }) => unit.stop()))
      await nats.stop()
      await database.stop()
      await Promise.all(hubs.flatMap((hub) => [hub.natsLink.close(), hub.databaseLink.close()]))
      await guard.close()
    },
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
  }
}

interface HubPlace {
  index: number
  folder: string
  guard: Guard
  natsPort: number
  databaseUrl: string
}

async function startHub({ index, folder, guard, natsPort, databaseUrl }: HubPlace): Promise<Hub> {
  const natsLink = await openLink(() => natsPort)
  const database = new URL(databaseUrl)
  const databasePort = Number(database.port)
  const databaseLink = await openLink(() => databasePort)
  database.port = String(databaseLink.port)
  const port = await freePort("127.0.0.1", null)
  const env = {
    ...environment(),
    DATABASE_URL: database.href,
    NATS_URL: `nats://127.0.0.1:${natsLink.port}`,
    BOO_LISTEN: `127.0.0.1:${port}`,
    BOO_DATA_DIR: join(folder, `hub-${index}`),
  }
  const log = openLogFile(join(folder, "logs", `hub-${index}.log`))
  const unit = createUnit(`hub ${index}`, () =>
    node(["hub/src/main.ts", "serve"], { env, guard, log, name: "hub" }),
  )
  await unit.start()
  const url = `http://127.0.0.1:${port}`
  await answering(`${url}/api/health`)
  return { unit, url, natsLink, databaseLink }
}

export interface NodeChild {
  name: "hub" | "sidecar"
  env: NodeJS.ProcessEnv
  guard: Guard
  log: ReturnType<typeof openLogFile>
}

export function node(args: readonly string[], { name, env, guard, log }: NodeChild): Promise<Child> {
  const stage = STAGE[name]
  return Promise.resolve(
    startChild({ name, file: process.execPath, args, env, stage, guard, log, cwd: ROOT }),
  )
}

export function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: process.env.HOME, BOO_LIFELINE: "1" }
}

export function folderIn(...parts: [string, ...string[]]): string {
  const path = join(...parts)
  mkdirSync(path, { recursive: true })
  return path
}

async function answering(url: string): Promise<void> {
  for (let triesLeft = 600; ; triesLeft--) {
    const reply = await fetch(url).catch(() => null)
    if (reply?.ok) return
    if (triesLeft === 0) throw new Error(`${url} did not answer within a minute`)
    await delay(100)
  }
}
