import { readFileSync } from "node:fs"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect, credsAuthenticator } from "@nats-io/transport-node"
import { readIfThere } from "../data-folder.ts"
import { messageOf, StartFailure } from "../failure.ts"
import type { Guard } from "../processes/guard.ts"
import { openLogFile } from "../processes/log-file.ts"
import { natsAuth } from "./nats-auth.ts"
import type { NatsAuth } from "./nats-auth.ts"
import { parseListen } from "./nats-listen.ts"
import { natsLog, startNatsServer } from "./nats-server.ts"
import type { NatsServer } from "./nats-server.ts"
import type { RunningService } from "./postgres.ts"

export interface NatsOptions {
  dataDir: string
  guard: Guard
  binary: string
  /** BOO_NATS_LISTEN, `host:port` or `host`; null: loopback and a port that is kept over restarts. */
  listen: string | null
}

export interface RunningNats extends RunningService {
  auth: NatsAuth
}

/** Starts the nats-server of a data folder, with JetStream and with credentials for everyone. */
export async function startNats(options: NatsOptions): Promise<RunningNats> {
  const home = join(options.dataDir, "nats")
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const auth = await natsAuth(home)
  const server = await listen(options, home, auth)
  const url = `nats://${reachable(parseListen(options.listen).host)}:${server.port}`
  await confirm(url, auth.hubCreds)
  writeFileSync(join(home, "url"), `${url}\n`)
  return { url, child: server.child, auth }
}

async function listen(options: NatsOptions, home: string, auth: NatsAuth): Promise<NatsServer> {
  const wanted = parseListen(options.listen)
  const log = openLogFile(natsLog(options.dataDir))
  // Sidecars elsewhere hold the address they were enrolled with: the port changes only when it must.
  const kept = Number(/:(\d+)\s*$/.exec(readIfThere(join(home, "url")) ?? "")?.[1] ?? -1)
  const ports = wanted.port === null ? [...new Set([kept, -1])] : [wanted.port]
  for (const port of ports) {
    const server = await startNatsServer({
      ...{ host: wanted.host, port, storeDir: join(home, "jetstream"), auth },
      ...{ binary: options.binary, configFile: join(home, "nats.conf"), guard: options.guard, log },
    })
    if (server !== null) return server
  }
  throw new StartFailure(
    `The address ${wanted.host}:${wanted.port} for nats-server is in use. Free it, or set BOO_NATS_LISTEN.`,
  )
}

function reachable(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host
}

async function confirm(url: string, credsFile: string): Promise<void> {
  try {
    const authenticator = credsAuthenticator(readFileSync(credsFile))
    const connection = await connect({ servers: url, authenticator, timeout: 5000, reconnect: false })
    await connection.close()
  } catch (error) {
    throw new StartFailure(`nats-server runs on ${url} but did not let the hub in: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
