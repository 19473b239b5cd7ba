import { readFileSync } from "node:fs"
import { reconnectDelay } from "@boocontrol/shared/reconnect-delay"
import { connect, credsAuthenticator, headers } from "@nats-io/transport-node"
import type { MsgHdrs, NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node"
import { sleep } from "./clock.ts"
import type { Clock } from "./clock.ts"
import type { Log } from "./log.ts"

export type { NatsConnection } from "@nats-io/transport-node"

export interface NatsOptions {
  /** `nats://[user:password@]host:port`, several separated by commas. */
  url: string
  /** Path of a credentials file; read again at each reconnect, so that it can be rotated. */
  credsFile: string | null
  name: string
  log: Log
  clock: Clock
  /** Replies arrive below this; default is the library's `_INBOX`. */
  inboxPrefix?: string
  onStatus?: (state: NatsState) => void
  /** How long to try at the start; after that the connection is kept up for ever. */
  waitMs?: number
}

export type NatsState = "connected" | "disconnected"

const RETRY_MS = 500

/** Connects, waiting for a server that is still starting, and reconnects for ever after. */
export async function connectNats(options: NatsOptions): Promise<NatsConnection> {
  const { log, clock, waitMs = 30_000 } = options
  const untilMs = clock.now() + waitMs
  for (let attempt = 1; ; attempt++) {
    try {
      const nc = await connect(connectionOptions(options))
      watch(nc, options)
      return nc
    } catch (error) {
      if (clock.now() >= untilMs) throw error
      if (attempt === 1) log.warn({ err: error }, "NATS does not answer yet, trying again")
      await sleep(clock, RETRY_MS)
    }
  }
}

function connectionOptions({ url, credsFile, name, inboxPrefix, clock }: NatsOptions): NodeConnectionOptions {
  const login = loginOf(url)
  const servers = url.split(",").map((server) => server.trim().replace(/^(\w+:\/\/)[^@/]*@/, "$1"))
  return {
    ...{ servers, name },
    // The defaults give up after 20 s without a server and notice a dead one only after four minutes.
    maxReconnectAttempts: -1,
    reconnectDelayHandler: reconnectDelay({
      ...{ firstMs: RETRY_MS, jitterMs: 100, servers: servers.length, random: Math.random },
      now: () => clock.now(),
    }),
    pingInterval: 10_000,
    maxPingOut: 2,
    ignoreAuthErrorAbort: true,
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(credsFile === null ? {} : { authenticator: credsAuthenticator(() => readFileSync(credsFile)) }),
    ...login,
  }
}

function loginOf(url: string): { user: string; pass: string } | null {
  const match = /^\w+:\/\/([^:@/]+):([^@/]*)@/.exec(url)
  return match ? { user: decodeURIComponent(match[1] ?? ""), pass: decodeURIComponent(match[2] ?? "") } : null
}

function watch(nc: NatsConnection, { log, onStatus }: NatsOptions): void {
  onStatus?.("connected")
  const follow = async (): Promise<void> => {
    for await (const status of nc.status()) {
      if (status.type === "disconnect") {
        log.warn({ server: status.server }, "NATS connection lost, reconnecting")
        onStatus?.("disconnected")
      } else if (status.type === "reconnect") {
        log.info({ server: status.server }, "NATS connection is back")
        onStatus?.("connected")
      } else if (status.type === "error") {
        log.warn({ err: status.error }, "NATS reports an error")
      }
    }
    onStatus?.("disconnected")
  }
  follow().catch((error: unknown) => log.error({ err: error }, "the NATS status feed ended"))
}

/** Headers of a message, to be made once and sent with many. */
export function headersOf(given: Readonly<Record<string, string>>): MsgHdrs {
  const made = headers()
  for (const [name, value] of Object.entries(given)) made.set(name, value)
  return made
}
