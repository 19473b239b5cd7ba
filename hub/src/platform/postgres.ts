import { Socket } from "node:net"
import type { Instant } from "@boocontrol/shared/time"
import postgres from "postgres"
import type { ParsedOptions } from "postgres"
import type { Log } from "./log.ts"

interface BooTypes {
  [name: string]: unknown
  instant: Instant | string
  int8: number
}
export type Sql = postgres.Sql<BooTypes>
export type TransactionSql = postgres.TransactionSql<BooTypes>

export interface PostgresOptions {
  log: Log
  /** Connections at most. */
  max?: number
  applicationName?: string
}

/**
 * Times come as `Instant` (RFC 3339, UTC, milliseconds) and go in as any ISO text; int8 comes as a number.
 * Nothing is asked of the server before the first query.
 */
export function connectPostgres(url: string, { log, max = 10, applicationName }: PostgresOptions): Sql {
  const options: postgres.Options<{ instant: postgres.PostgresType; int8: postgres.PostgresType }> & {
    socket: SocketFactory
  } = {
    max,
    socket: noDelaySocketFactory(),
    onnotice: (notice) => log.debug({ notice: notice["message"] }, "notice of Postgres"),
    connect_timeout: 10,
    // The library's own goes to 20 s: a Postgres that is back should be used at once.
    backoff: (attempt: number) => Math.min(1, 0.05 * 2 ** attempt) * (0.5 + Math.random() / 2),
    connection: { application_name: applicationName ?? "boocontrol-hub", TimeZone: "UTC", DateStyle: "ISO" },
    types: {
      instant: { to: 1184, from: [1184], serialize: textOfTime, parse: instantOfPostgres },
      int8: { to: 20, from: [20], serialize: String, parse: Number },
    },
  }
  return postgres(url, options) as Sql
}

type SocketFactory = (options: ParsedOptions) => Socket

/**
 * The library never sets TCP_NODELAY: a COPY, or a query longer than a segment, then waits for the peer's delayed
 * acknowledgement (some 40 to 90 ms each). It can be given a socket, and that one is made here.
 *
 * The socket is handed over before it connects, so that the library hears of a failure through the socket's own
 * events and tries again; a factory that rejects would leave its connection slot unused for ever. Several hosts
 * are tried in turn, as the library does.
 */
function noDelaySocketFactory(): SocketFactory {
  let next = 0
  return (options) => {
    const index = next++ % options.host.length
    const host = options.host[index] ?? "localhost"
    const port = options.port[index] ?? 5432
    const socket = new ClosingInOrder()
    socket.setNoDelay(true)
    // `secure` of the library takes the server name of a TLS connection from here.
    Object.assign(socket, { host, port })
    // After the library has put its listeners on it, and before its first write, which it defers likewise.
    setImmediate(() => {
      if (options.path) socket.connect(options.path)
      else socket.connect(port, host)
    })
    return socket
  }
}

/**
 * The library sends what it wrote one turn of the event loop later, and crashes the process when the socket is gone by
 * then: a transaction whose connection breaks writes its `rollback` at just that moment. So queries hear of the end
 * first, then what they still write falls into a socket that is dead but there, and the close comes last, as one
 * without an error: after one with an error the library leaves what was written since without an answer, for ever.
 */
class ClosingInOrder extends Socket {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== "close") return super.emit(event, ...args)
    if (args[0] !== true) super.emit("error", new ConnectionClosed())
    setImmediate(() => setImmediate(() => super.emit("close", false)))
    return true
  }
}

class ConnectionClosed extends Error {
  readonly code = "CONNECTION_CLOSED"
  constructor() {
    super("the connection to Postgres was closed")
  }
}

/**
 * One connection of its own with the settings of a pool, for what belongs to a session. The library's `reserve` is not
 * for that: a query on a reserved connection whose server has died crashes the process.
 */
export function ownSession(sql: Sql): Sql {
  // What the library keeps as its options it also takes as options, which its types do not say.
  const options: unknown = { ...sql.options, max: 1, idle_timeout: 0, max_lifetime: null }
  return postgres(options as postgres.Options<Record<string, never>>) as unknown as Sql
}

function textOfTime(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value)
}

const POSTGRES_TIME = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/

/** `2026-11-22 08:12:41.25+00` to an `Instant`; `infinity` and years beyond four digits stay as they are. */
export function instantOfPostgres(text: string): Instant | string {
  const match = POSTGRES_TIME.exec(text)
  if (!match) return text
  return `${match[1]}T${match[2]}.${(match[3] ?? "").padEnd(3, "0").slice(0, 3)}Z`
}

/** SQLSTATE of a failure that Postgres itself reported, null for everything else. */
export function sqlStateOf(error: unknown): string | null {
  return error instanceof postgres.PostgresError ? error.code : null
}

// Data exceptions (22), violated constraints (23), and values too large for an index or row (54).
const ABOUT_DATA = /^(22|23|54)/

/**
 * Whether the statement failed because of what it was given, so that it will fail again. Everything else Postgres
 * or the connection reports (gone, restarting, full, a missing right or table) may be mended from outside. An error
 * that has nothing to do with Postgres comes from our own code, which will do the same again.
 */
export function isAboutData(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state === null ? !isConnectionError(error) : ABOUT_DATA.test(state)
}

const CONNECTION_CODE = /^(CONNECT|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ENOENT|EHOST|ENET|EADDR|SASL)/

function isConnectionError(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("code" in error)) return false
  return typeof error.code === "string" && CONNECTION_CODE.test(error.code)
}
