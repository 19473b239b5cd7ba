import type { Instant } from "@boocontrol/shared/time"
import postgres from "postgres"
import type { Log } from "./log.ts"
import { socketFactory } from "./postgres-socket.ts"
import type { SocketFactory } from "./postgres-socket.ts"

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
  /** How long a statement may take. Null: as long as it takes. */
  answerWithinMs?: number | null
}

/**
 * Shorter would end what a busy Postgres is still doing, only to ask for it again; longer leaves what is to be stored
 * waiting on a connection that a firewall forgot. A statement of the hub takes milliseconds.
 */
export const ANSWER_WITHIN_MS = 30_000

/**
 * Times come as `Instant` (RFC 3339, UTC, milliseconds) and go in as any ISO text; int8 comes as a number.
 * Nothing is asked of the server before the first query.
 */
export function connectPostgres(
  url: string,
  { log, max = 10, applicationName, answerWithinMs = ANSWER_WITHIN_MS }: PostgresOptions,
): Sql {
  const { connection, ...patience } = patienceOf(answerWithinMs)
  const options: postgres.Options<{ instant: postgres.PostgresType; int8: postgres.PostgresType }> & {
    socket: SocketFactory
  } = {
    max,
    ...patience,
    onnotice: (notice) => log.debug({ notice: notice["message"] }, "notice of Postgres"),
    connect_timeout: 10,
    // The library's own goes to 20 s: a Postgres that is back should be used at once.
    backoff: (attempt: number) => Math.min(1, 0.05 * 2 ** attempt) * (0.5 + Math.random() / 2),
    connection: {
      application_name: applicationName ?? "boocontrol-hub",
      TimeZone: "UTC",
      DateStyle: "ISO",
      ...connection,
    },
    types: {
      instant: { to: 1184, from: [1184], serialize: textOfTime, parse: instantOfPostgres },
      int8: { to: 20, from: [20], serialize: String, parse: Number },
    },
  }
  return postgres(url, options) as Sql
}

/**
 * What bounds the wait for an answer, on either side of the wire. The server ends a statement, or a transaction in which
 * nothing happens, before the connection is given up: else the rows that a lost transaction wrote would lock out
 * the one that writes them again. It also looks whether we are still there, so that a lock of a session does not
 * stay with a hub that cannot use it.
 */
function patienceOf(answerWithinMs: number | null) {
  const shareMs = (share: number): number => Math.round((answerWithinMs ?? 0) * share)
  return {
    socket: socketFactory(answerWithinMs),
    // Seconds. An idle connection is ended in order, before its silence is taken for a missing answer.
    idle_timeout: answerWithinMs === null ? ANSWER_WITHIN_MS / 1000 : shareMs(0.8) / 1000,
    keep_alive: 15,
    connection: {
      ...(isPatient(answerWithinMs) ? {} : ALONE),
      statement_timeout: shareMs(0.8),
      idle_in_transaction_session_timeout: shareMs(0.8),
      tcp_keepalives_idle: 15,
      tcp_keepalives_interval: 5,
      tcp_keepalives_count: 3,
      tcp_user_timeout: ANSWER_WITHIN_MS,
    },
  }
}

/**
 * What takes milliseconds takes half as many again with parallel workers, each of which has to be started first: the
 * planner counts on cores that nobody else uses. A text: the library leaves a number 0 out.
 */
const ALONE = { max_parallel_workers_per_gather: "0" }

function isPatient(answerWithinMs: number | null): boolean {
  return answerWithinMs === null || answerWithinMs > ANSWER_WITHIN_MS
}

/** A small pool beside another one, for statements that take longer; to be ended on its own. */
export function withPatience(
  sql: Sql,
  { answerWithinMs, max }: { answerWithinMs: number | null; max: number },
): Sql {
  const { connection, ...patience } = patienceOf(answerWithinMs)
  const { max_parallel_workers_per_gather: _, ...settings } = sql.options.connection
  const options: unknown = {
    ...{ ...sql.options, ...patience, max },
    connection: { ...settings, ...connection },
  }
  return postgres(options as postgres.Options<Record<string, never>>) as unknown as Sql
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

/** Whether the server ended the statement because it took too long: it is there, and the same in smaller parts may pass. */
export function isCancelled(error: unknown): boolean {
  return sqlStateOf(error) === "57014"
}

const CONNECTION_CODE = /^(CONNECT|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ENOENT|EHOST|ENET|EADDR|SASL)/

function isConnectionError(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("code" in error)) return false
  return typeof error.code === "string" && CONNECTION_CODE.test(error.code)
}

/**
 * The Postgres library asks each new connection for its array types and lets nobody hear when that fails: a server that
 * goes away at that moment would end the hub. Everything else that nobody handles still does. Once for each thread.
 */
export function outliveBrokenConnections(log: Log): void {
  process.on("unhandledRejection", (error) => {
    if (isAboutData(error)) throw error
    log.warn({ err: error }, "a connection to Postgres broke while it was being opened")
  })
}
