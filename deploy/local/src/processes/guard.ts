import { spawn } from "node:child_process"
import { once } from "node:events"
import { rmSync, writeFileSync, renameSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Endable } from "./ending.ts"

/** Who must be told of every process that is started, so that it ends with its launcher. */
export interface Guard {
  watch(process: Endable): void
  forget(pid: number): void
  /** From now on nothing may be started: everything is about to stop. */
  seal(): void
  readonly sealed: boolean
  /** Ends the guard itself; what it still watches is ended by it. */
  close(): Promise<void>
}

/** Where given, the record file says what to clear away when launcher and guard were both killed. */
export function startGuard(recordFile: string | null = null): Guard {
  const watched = new Map<number, Endable>()
  const child = spawn(process.execPath, [fileURLToPath(new URL("guard-process.ts", import.meta.url))], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: process.platform !== "win32",
    windowsHide: true,
  })
  const exited = once(child, "exit")
  child.stdin.on("error", () => undefined)
  // Neither may keep a finished launcher alive.
  child.unref()
  if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref()

  let sealed = false
  let closed = false
  const record = (): void => {
    if (recordFile === null || closed) return
    writeFileSync(`${recordFile}.new`, JSON.stringify([...watched.values()]), { mode: 0o600 })
    renameSync(`${recordFile}.new`, recordFile)
  }
  return {
    seal: () => {
      sealed = true
    },
    get sealed() {
      return sealed
    },
    watch: (endable) => {
      watched.set(endable.pid, endable)
      child.stdin.write(`${JSON.stringify({ watch: endable })}\n`)
      record()
    },
    forget: (pid) => {
      if (!watched.delete(pid)) return
      child.stdin.write(`${JSON.stringify({ forget: pid })}\n`)
      record()
    },
    close: async () => {
      child.ref()
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await exited
      closed = true
      if (recordFile !== null) rmSync(recordFile, { force: true })
    },
  }
}

let shared: Guard | undefined

/** One guard for everything a process starts without a launcher: the tests. */
export function sharedGuard(): Guard {
  shared ??= startGuard()
  return shared
}
