import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import type { Clock } from "./clock.ts"

export interface ChildEnd {
  /** Null where it was ended by a signal or never began. */
  code: number | null
  /** Why it could not begin, e.g. `ENOENT`. */
  error: string | null
  stderr: string
}

export interface LineChild {
  pid: number | null
  kill(): void
  ended: Promise<ChildEnd>
}

export interface ChildOptions {
  env?: NodeJS.ProcessEnv
  /** Leads a process group of its own, so that what it starts can be ended with it. */
  group?: boolean
}

// More without a line break is no line of anything we run.
const LONGEST_LINE_CHARS = 65_536
const KEPT_STDERR_CHARS = 2_000

/** Starts a program and hands over its lines as they come. */
export function streamLines(
  command: readonly string[],
  onLine: (line: string) => void,
  options: ChildOptions = {},
): LineChild {
  const child = start(command, options)
  let rest = ""
  child.stdout?.setEncoding("utf8")
  child.stdout?.on("data", (chunk: string) => {
    const text = rest + chunk
    let from = 0
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      onLine(text.slice(from, end))
      from = end + 1
    }
    rest = text.slice(from)
    if (rest.length > LONGEST_LINE_CHARS) {
      onLine(rest.slice(0, LONGEST_LINE_CHARS))
      rest = ""
    }
  })
  return { pid: child.pid ?? null, kill: () => end(child, options), ended: endOf(child) }
}

export interface RunOptions extends ChildOptions {
  clock: Clock
  timeoutMs: number
  maxChars?: number
  /** Ends it early. */
  signal?: AbortSignal
}

export type ChildOutput = ChildEnd & { stdout: string; timedOut: boolean }

/** Runs a program to its end, at most `timeoutMs`. Never rejects. */
export async function runProgram(command: readonly string[], options: RunOptions): Promise<ChildOutput> {
  const { clock, timeoutMs, maxChars = 1_000_000, signal } = options
  const child = start(command, options)
  let stdout = ""
  let timedOut = false
  child.stdout?.setEncoding("utf8")
  child.stdout?.on("data", (chunk: string) => {
    if (stdout.length < maxChars) stdout += chunk
  })
  const cancel = clock.setTimeout(() => {
    timedOut = true
    end(child, options)
  }, timeoutMs)
  const stop = () => end(child, options)
  signal?.addEventListener("abort", stop)
  if (signal?.aborted) stop()
  const ended = await endOf(child)
  signal?.removeEventListener("abort", stop)
  cancel()
  return { ...ended, stdout, timedOut }
}

function start(
  [program = "", ...args]: readonly string[],
  { env, group = false }: ChildOptions,
): ChildProcess {
  // Windows runs batch files only through its shell.
  const shell = process.platform === "win32" && /\.(cmd|bat)$/i.test(program)
  return spawn(shell ? `"${program}"` : program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
    detached: group && process.platform !== "win32",
    shell,
    ...(env ? { env } : {}),
  })
}

function end(child: ChildProcess, { group = false }: ChildOptions): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  if (process.platform === "win32") {
    // A killed shell leaves its program behind: the whole tree has to go.
    spawn("taskkill", ["/pid", String(child.pid), "/T", "/F"], { stdio: "ignore", windowsHide: true }).on(
      "error",
      () => {},
    )
    return
  }
  try {
    process.kill(group ? -child.pid : child.pid, "SIGKILL")
  } catch {
    // It ended in this moment.
  }
}

function endOf(child: ChildProcess): Promise<ChildEnd> {
  let stderr = ""
  child.stderr?.setEncoding("utf8")
  child.stderr?.on("data", (chunk: string) => {
    if (stderr.length < KEPT_STDERR_CHARS) stderr += chunk
  })
  return new Promise((resolve) => {
    child.once("error", (error) => {
      const code = "code" in error && typeof error.code === "string" ? error.code : error.message
      resolve({ code: null, error: code, stderr })
    })
    child.once("close", (code) => resolve({ code, error: null, stderr }))
  })
}
