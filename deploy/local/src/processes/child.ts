import { spawn } from "node:child_process"
import type { Writable } from "node:stream"
import { createInterface } from "node:readline"
import { setTimeout as delay } from "node:timers/promises"
import { StartFailure } from "../failure.ts"
import { endProcesses } from "./ending.ts"
import type { Endable } from "./ending.ts"
import type { Guard } from "./guard.ts"
import { identify } from "./identity.ts"
import type { LogFile } from "./log-file.ts"

/** The order in which everything stops: whoever speaks to another stops before it. */
export const STAGE = { sidecar: 0, demo: 1, hub: 2, nats: 3, postgres: 4 } as const

export interface ChildOptions {
  name: string
  file: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  stage: number
  guard: Guard
  log: LogFile
  cwd?: string
  uid?: number
  gid?: number
  signal?: "SIGTERM" | "SIGINT"
  killAfterMs?: number
  /** Called for each line of stdout and stderr. */
  onLine?: (line: string, stream: "stdout" | "stderr") => void
}

export interface ExitStatus {
  code: number | null
  signal: NodeJS.Signals | null
  /** Set when the program could not be started at all. */
  error: Error | null
}

export interface Child {
  readonly name: string
  readonly pid: number
  /** Open while we live: a child may take its end as the end of its launcher. */
  readonly stdin: Writable
  readonly exited: Promise<ExitStatus>
  /** Resolves when it has ended, by asking or, when it does not listen, by force. */
  stop(): Promise<void>
  kill(): void
}

const KILL_AFTER_MS = 5000
const LAST_WORDS_MS = 200

export function startChild(options: ChildOptions): Child {
  if (options.guard.sealed)
    throw new StartFailure(`${options.name} is not started any more: BooControl stops`)
  const spawned = spawn(options.file, options.args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own: Ctrl-C in a terminal reaches the launcher alone, which stops the rest in order.
    detached: process.platform !== "win32",
    windowsHide: true,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  })
  const pid = spawned.pid ?? 0
  const endable: Endable = {
    ...(pid > 0 ? identify(pid) : { pid, startedAt: null }),
    name: options.name,
    stage: options.stage,
    signal: options.signal ?? "SIGTERM",
    killAfterMs: options.killAfterMs ?? KILL_AFTER_MS,
  }
  if (pid > 0) options.guard.watch(endable)
  spawned.stdin.on("error", () => undefined)
  for (const stream of ["stdout", "stderr"] as const) {
    spawned[stream].on("data", (chunk: Buffer) => options.log.write(chunk))
    const { onLine } = options
    if (onLine !== undefined)
      createInterface({ input: spawned[stream] }).on("line", (line) => onLine(line, stream))
  }
  let running = pid > 0
  const exited = new Promise<ExitStatus>((resolve) => {
    const ended = (status: ExitStatus): void => {
      running = false
      options.guard.forget(pid)
      resolve(status)
    }
    spawned.once("error", (error) => ended({ code: null, signal: null, error }))
    // The last words are still in the pipe at "exit"; "close" may never come while a grandchild holds it.
    spawned.once("exit", (code, signal) => {
      const closed = new Promise((done) => spawned.once("close", done))
      void Promise.race([closed, delay(LAST_WORDS_MS)]).then(() => ended({ code, signal, error: null }))
    })
  })
  return {
    name: options.name,
    pid,
    stdin: spawned.stdin,
    exited,
    stop: async () => {
      if (!running) return
      await endProcesses([endable])
      await exited
    },
    kill: () => {
      if (running) spawned.kill("SIGKILL")
    },
  }
}

export function describeExit(status: ExitStatus): string {
  if (status.error !== null) return `could not be started: ${status.error.message}`
  return status.signal === null ? `ended with code ${status.code}` : `was ended by ${status.signal}`
}
