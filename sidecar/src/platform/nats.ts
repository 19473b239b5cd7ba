import { readFileSync } from "node:fs"
import { reconnectDelay } from "@boocontrol/shared/reconnect-delay"
import { connect, credsAuthenticator, errors, headers } from "@nats-io/transport-node"
import type { Authenticator, ConnectionOptions, Msg, NatsConnection } from "@nats-io/transport-node"
import type { Clock } from "./clock.ts"
import { reasonOf } from "./log.ts"
import type { Log } from "./log.ts"

/** A message as it came: nothing of it is parsed. */
export interface NatsMessage {
  subject: string
  text(): string
  /** Status code of a server's own answer, e.g. 503 for "nobody listens"; 0 for an ordinary message. */
  status: number
  respond(payload: string): void
}

/**
 * One connection to NATS that is kept for ever. What is published while it is away is lost without a word, so
 * callers look at `connected()` and keep what must not be lost.
 */
export interface NatsLink {
  start(): void
  /** Sends what is buffered, bounded by `flushMs`, and closes. May be called twice. */
  stop(flushMs: number): Promise<void>
  connected(): boolean
  /** Why it is away, in words for an operator; null while it is there. */
  problem(): string | null
  onChange(listener: (connected: boolean) => void): void
  /** False where it could not even be handed over. */
  publish(subject: string, payload: Uint8Array, options?: { reply?: string; messageId?: string }): boolean
  /** Kept over reconnects; to be called before `start`. */
  subscribe(subject: string, listener: (message: NatsMessage) => void): void
  /** The answer, null without one in time. */
  request(subject: string, payload: string, timeoutMs: number): Promise<string | null>
}

export interface NatsLinkOptions {
  servers: readonly string[]
  credsFile: string | null
  name: string
  inboxPrefix: string
  clock: Clock
  log: Log
}

// A dead peer is noticed after two of these. Shorter only adds wake-ups.
const PING_EVERY_MS = 15_000
const CONNECT_TIMEOUT_MS = 5_000
const FIRST_RETRY_MS = 1_000
// Longer would leave a host in the dark after the hub is back; shorter fills the log of a hub that is set up later.
const LONGEST_RETRY_MS = 10_000

export function natsLink(options: NatsLinkOptions): NatsLink {
  const { clock, log } = options
  const subscriptions: { subject: string; listener: (message: NatsMessage) => void }[] = []
  const listeners: ((connected: boolean) => void)[] = []
  const stopping = new AbortController()
  let connection: NatsConnection | null = null
  let up = false
  let problem: string | null = "not connected yet"
  let running: Promise<void> | null = null

  function changed(connected: boolean, why: string | null): void {
    problem = why
    if (connected === up) return
    up = connected
    for (const listener of listeners) listener(connected)
  }

  /** The same trouble every second is one line in the log, not one a second. */
  let lastSaid: string | null = null
  function say(trouble: string): void {
    problem = trouble
    if (trouble === lastSaid) return
    lastSaid = trouble
    log.warn(trouble)
  }

  async function run(): Promise<void> {
    let wait = FIRST_RETRY_MS
    while (!stopping.signal.aborted) {
      try {
        connection = await connect(connectionOptions(options))
        wait = FIRST_RETRY_MS
        await live(connection)
      } catch (error) {
        say(troubleOf(error, options))
      }
      changed(false, problem)
      connection = null
      await clock.sleep(wait, stopping.signal)
      wait = Math.min(wait * 2, LONGEST_RETRY_MS)
    }
  }

  async function live(nats: NatsConnection): Promise<void> {
    if (stopping.signal.aborted) return nats.close()
    for (const { subject, listener } of subscriptions) {
      nats.subscribe(subject, {
        callback: (error, message) => {
          if (error) say(troubleOf(error, options))
          else listener(messageOf(message))
        },
      })
    }
    const there = () => {
      lastSaid = null
      log.info(`connected to NATS at ${nats.getServer()}`)
      changed(true, null)
    }
    there()
    for await (const status of nats.status()) {
      if (status.type === "disconnect") {
        say("lost the connection to NATS: what happens meanwhile is kept and sent later")
        changed(false, problem)
      } else if (status.type === "reconnect") there()
      else if (status.type === "error") say(troubleOf(status.error, options))
    }
    const closed = await nats.closed()
    if (closed) throw closed
  }

  return {
    start() {
      running ??= run()
    },
    async stop(flushMs) {
      if (stopping.signal.aborted) return
      stopping.abort()
      const nats = connection
      if (nats) {
        if (up) await Promise.race([nats.flush().catch(() => undefined), clock.sleep(flushMs)])
        await nats.close().catch(() => undefined)
      }
      await running
      problem = "stopped"
    },
    connected: () => up,
    problem: () => problem,
    onChange: (listener) => void listeners.push(listener),
    publish(subject, payload, { reply, messageId } = {}) {
      if (!up || !connection) return false
      const head = messageId === undefined ? undefined : headers()
      head?.set("Nats-Msg-Id", messageId ?? "")
      connection.publish(subject, payload, {
        ...(reply === undefined ? {} : { reply }),
        ...(head === undefined ? {} : { headers: head }),
      })
      return true
    },
    subscribe: (subject, listener) => void subscriptions.push({ subject, listener }),
    async request(subject, payload, timeoutMs) {
      if (!up || !connection) return null
      try {
        return (await connection.request(subject, payload, { timeout: timeoutMs })).string()
      } catch (error) {
        if (error instanceof errors.PermissionViolationError) say(troubleOf(error, options))
        return null
      }
    },
  }
}

function connectionOptions({
  servers,
  credsFile,
  name,
  inboxPrefix,
  clock,
}: NatsLinkOptions): ConnectionOptions {
  return {
    servers: [...servers],
    name,
    inboxPrefix,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_EVERY_MS,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: reconnectDelay({
      ...{ firstMs: FIRST_RETRY_MS, jitterMs: 500, servers: servers.length, random: Math.random },
      now: () => clock.now(),
    }),
    // Credentials may be mended while this runs: an answer of "no" is asked again, never final.
    ignoreAuthErrorAbort: true,
    ...(credsFile === null ? {} : { authenticator: credsFrom(credsFile) }),
  }
}

/** Throws here, at connect, where it can be said; a throw inside the handshake would only close the connection. */
function credsFrom(file: string): Authenticator {
  let last = readFileSync(file)
  const authenticate = credsAuthenticator(() => {
    try {
      last = readFileSync(file)
    } catch {
      // The last ones that could be read may still be good.
    }
    return last
  })
  authenticate("probe")
  return authenticate
}

function troubleOf(error: unknown, { servers, credsFile, name }: NatsLinkOptions): string {
  const where = servers.map((server) => server.replaceAll(/\/\/[^/@\s]+@/g, "//***@")).join(", ")
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError) {
    const creds = credsFile === null ? "no NATS_CREDS are set" : `credentials in ${credsFile}`
    return `NATS at ${where} refuses ${name} (${creds}): ${error.message}. Give it credentials made for this host`
  }
  if (error instanceof errors.PermissionViolationError)
    return `NATS does not let ${name} ${error.operation} ${error.subject}: the credentials are another host's`
  return `NATS at ${where} cannot be reached: ${reasonOf(error)}`
}

function messageOf(message: Msg): NatsMessage {
  return {
    subject: message.subject,
    text: () => message.string(),
    status: message.headers?.code ?? 0,
    respond: (payload) => void message.respond(payload),
  }
}
