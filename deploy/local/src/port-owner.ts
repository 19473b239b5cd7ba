import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { findProgram } from "./find-program.ts"
import { listenersInLsof, listenersInNetstat, socketsInProcNet } from "./port-owner/parse.ts"
import { run } from "./run-program.ts"

export interface PortOwner {
  pid: number
  command: string | null
}

/** Who listens on a port, null where that cannot be found out (another user's process, an unknown platform). */
export async function portOwner(port: number): Promise<PortOwner | null> {
  try {
    const pid =
      process.platform === "linux" ? (linuxOwner(port) ?? (await lsofOwner(port))) : await otherOwner(port)
    return pid === null ? null : { pid, command: commandOf(pid) }
  } catch {
    return null
  }
}

export function describeOwner(owner: PortOwner | null): string {
  if (owner === null) return "by a process that could not be found out"
  return `by process ${owner.pid}${owner.command === null ? "" : ` (${owner.command})`}`
}

function linuxOwner(port: number): number | null {
  const inodes = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) =>
    socketsInProcNet(readOrEmpty(file), port),
  )
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`))
  if (links.size === 0) return null
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
  return pids.map(Number).find((pid) => openSockets(pid).some((link) => links.has(link))) ?? null
}

function openSockets(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return ""
      }
    })
  } catch {
    return []
  }
}

async function lsofOwner(port: number): Promise<number | null> {
  if (findProgram("lsof") === null) return null
  return listenersInLsof(await run("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fp"]))[0] ?? null
}

async function otherOwner(port: number): Promise<number | null> {
  if (process.platform !== "win32") return lsofOwner(port)
  return listenersInNetstat(await run("netstat", ["-ano", "-p", "TCP"]), port)[0] ?? null
}

function commandOf(pid: number): string | null {
  const words = readOrEmpty(`/proc/${pid}/cmdline`).split("\0").join(" ").trim()
  return words === "" ? null : words.length > 120 ? `${words.slice(0, 117)}...` : words
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
