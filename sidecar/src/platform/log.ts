import type { Clock } from "./clock.ts"

/** Lines for the service's own log. Never given secrets, prompts or headers. */
export interface Log {
  info(message: string): void
  warn(message: string): void
}

export function stderrLog(clock: Clock): Log {
  const write = (level: string, message: string) => {
    process.stderr.write(`${new Date(clock.now()).toISOString()} ${level} ${message}\n`)
  }
  return { info: (message) => write("info", message), warn: (message) => write("warn", message) }
}

/** Says what a failure was, with its cause's words where the outer ones say little. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause =
    error.cause instanceof Error && error.cause.message !== error.message ? `: ${error.cause.message}` : ""
  return `${error.message || error.name}${cause}`
}
