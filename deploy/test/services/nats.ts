import { mkdirSync, mkdtempSync } from "node:fs"
import { join } from "node:path"
import { inject, onTestFinished } from "vitest"
import { sharedGuard } from "../../local/src/processes/guard.ts"
import { openLogFile } from "../../local/src/processes/log-file.ts"
import { natsAuth } from "../../local/src/services/nats-auth.ts"
import type { NatsAuth } from "../../local/src/services/nats-auth.ts"
import { startNatsServer } from "../../local/src/services/nats-server.ts"
import type { NatsServer } from "../../local/src/services/nats-server.ts"

export interface TestNatsOptions {
  /** Default: any free one, kept over `restart`. */
  port?: number
  /** Default: a folder of its own, kept over `restart` and removed after the run. */
  storeDir?: string
  /** With operator, account and users as in production; see `auth` of the result. */
  auth?: boolean
}

export interface TestNats {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Where `hub.creds`, `tool.creds` and `hosts/` are; only made with `auth: true`. */
  readonly folder: string
  readonly auth: NatsAuth | null
  stop(): Promise<void>
  /** As a power cut would: no goodbye to clients, nothing flushed. */
  kill(): Promise<void>
  /** Starts it again on the same port and store, after a stop or a kill, or stops it first. */
  restart(): Promise<void>
}

/** A nats-server of one's own, for tests that break it; use `inject("natsUrl")` for the others. */
export async function startNats(options: TestNatsOptions = {}): Promise<TestNats> {
  const folder = mkdtempSync(join(inject("testFolder"), "nats-"))
  mkdirSync(folder, { recursive: true })
  const auth = options.auth === true ? await natsAuth(folder) : null
  const log = openLogFile(join(folder, "nats-server.log"))
  const start = async (port: number): Promise<NatsServer> => {
    const server = await startNatsServer({
      ...{ binary: inject("natsServer"), guard: sharedGuard(), auth, log, host: "127.0.0.1", port },
      configFile: join(folder, "nats.conf"),
      storeDir: options.storeDir ?? join(folder, "jetstream"),
    })
    if (server === null) throw new Error(`port ${port} is in use`)
    return server
  }
  let server = await start(options.port ?? -1)
  return {
    get url() {
      return `nats://127.0.0.1:${server.port}`
    },
    get port() {
      return server.port
    },
    get pid() {
      return server.child.pid
    },
    folder,
    auth,
    stop: () => server.child.stop(),
    kill: async () => {
      server.child.kill()
      await server.child.exited
    },
    restart: async () => {
      await server.child.stop()
      server = await start(server.port)
    },
  }
}

/** The same, stopped when the running test has finished. */
export async function natsForTest(options: TestNatsOptions = {}): Promise<TestNats> {
  const nats = await startNats(options)
  onTestFinished(() => nats.stop())
  return nats
}
