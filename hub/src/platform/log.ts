import { Writable } from "node:stream"
import { pino } from "pino"
import type { Logger } from "pino"

export type Log = Logger
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogOptions {
  level: LogLevel
  /** `pretty` for a person at a terminal, `json` for everything that collects logs. */
  format: "json" | "pretty"
}

// Whatever is logged about a request or a connection, these never appear.
const SECRETS = ["authorization", "cookie", "password", "token", "secret", "creds", "seed", "key"]
const REDACT = SECRETS.flatMap((name) => [name, `*.${name}`, `req.headers["${name}"]`, `headers["${name}"]`])

export function createLog({ level, format }: LogOptions): Log {
  const options = { level, redact: { paths: REDACT, censor: "[redacted]" }, base: null }
  return format === "json" ? pino(options, pino.destination(1)) : pino(options, prettyTo(process.stdout))
}

/** For tests and for parts that must stay quiet. */
export const silentLog: Log = pino({ level: "silent" })

const LEVEL_NAMES: Readonly<Record<number, string>> = { 20: "debug", 30: "info ", 40: "warn ", 50: "error" }

/** `08:12:41.250 warn  ingest: batch failed {"rows":3}`: one line per record, the stack below it. */
export function prettyLine(json: string): string {
  const record: unknown = JSON.parse(json)
  if (typeof record !== "object" || record === null) return json
  const { level, time, msg, part, err, ...rest } = record as Record<string, unknown>
  const at = new Date(Number(time)).toISOString().slice(11, 23)
  const place = typeof part === "string" ? `${part}: ` : ""
  const more = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : ""
  return `${at} ${LEVEL_NAMES[Number(level)] ?? "     "} ${place}${textOf(msg)}${more}${stackOf(err)}\n`
}

function textOf(message: unknown): string {
  return typeof message === "string" ? message : ""
}

function stackOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return ""
  if ("stack" in error && typeof error.stack === "string")
    return `\n  ${error.stack.replaceAll("\n", "\n  ")}`
  return `\n  ${JSON.stringify(error)}`
}

function prettyTo(out: NodeJS.WritableStream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      out.write(prettyLine(chunk.toString("utf8")))
      done()
    },
  })
}
