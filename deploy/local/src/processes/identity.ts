import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"

/**
 * A process as it can be told from a later one that got the same number: the pid, and when it started.
 * Null where the platform does not say; then only the pid is compared.
 */
export interface ProcessIdentity {
  pid: number
  startedAt: string | null
}

export function identify(pid: number): ProcessIdentity {
  return { pid, startedAt: startTime(pid) }
}

/** True while the very process that was identified still runs; a zombie has ended. */
export function isRunning(process_: ProcessIdentity): boolean {
  if (!exists(process_.pid)) return false
  const startedAt = startTime(process_.pid)
  if (startedAt === "zombie") return false
  return process_.startedAt === null || startedAt === null || startedAt === process_.startedAt
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

function startTime(pid: number): string | null {
  try {
    if (process.platform === "linux") return linuxStartTime(pid)
    if (process.platform === "win32") return ask("powershell.exe", windowsQuestion(pid))
    return ask("ps", ["-o", "lstart=", "-p", String(pid)])
  } catch {
    return null
  }
}

function linuxStartTime(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  // The command name stands in brackets and may itself hold spaces and brackets: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  if (fields[0] === "Z" || fields[0] === "X") return "zombie"
  // Ticks since boot repeat after a reboot; the boot id makes them unique.
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
  return `${boot}:${fields[19] ?? ""}`
}

function windowsQuestion(pid: number): string[] {
  return ["-NoProfile", "-Command", `(Get-Process -Id ${pid}).StartTime.Ticks`]
}

function ask(file: string, args: string[]): string | null {
  const answer = execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
  return answer === "" ? null : answer
}
