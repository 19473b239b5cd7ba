import { spawnSync } from "node:child_process"
import { setTimeout as delay } from "node:timers/promises"
import { isRunning } from "./identity.ts"
import type { ProcessIdentity } from "./identity.ts"

/** What has to be known of a process to end it properly, now or in a later run. */
export interface Endable extends ProcessIdentity {
  name: string
  /** Lower stages end first; those of one stage end together. */
  stage: number
  signal: "SIGTERM" | "SIGINT"
  killAfterMs: number
}

const POLL_MS = 15

/** Ends the given processes stage by stage: ask, wait, then kill. Returns the names of those it had to kill. */
export async function endProcesses(processes: readonly Endable[]): Promise<string[]> {
  const killed: string[] = []
  for (const stage of [...new Set(processes.map((one) => one.stage))].sort((a, b) => a - b)) {
    const outcomes = await Promise.all(processes.filter((one) => one.stage === stage).map(endProcess))
    killed.push(...outcomes.filter((name) => name !== null))
  }
  return killed
}

async function endProcess(target: Endable): Promise<string | null> {
  if (!isRunning(target)) return null
  signalProcess(target.pid, target.signal)
  if (await goneWithin(target, target.killAfterMs)) return null
  signalProcess(target.pid, "SIGKILL")
  await goneWithin(target, 2000)
  return target.name
}

async function goneWithin(target: ProcessIdentity, limitMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += POLL_MS) {
    if (!isRunning(target)) return true
    await delay(POLL_MS)
  }
  return !isRunning(target)
}

/** Children lead a process group of their own, so a kill also reaches what they started themselves. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  if (process.platform === "win32") {
    spawnSync("taskkill", ["/pid", String(pid), "/t", "/f"], { stdio: "ignore", windowsHide: true })
    return
  }
  for (const target of signal === "SIGKILL" ? [-pid, pid] : [pid]) {
    try {
      process.kill(target, signal)
    } catch {
      // Gone already, which is what was wanted.
    }
  }
}
