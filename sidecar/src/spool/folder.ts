import { randomUUID } from "node:crypto"
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as z from "zod/mini"
import { InstanceId } from "@boocontrol/shared/ids"
import type { HostId } from "@boocontrol/shared/ids"
import { isCode, makeFolderSync } from "./files.ts"

/** The folder that outlives the process: who this installation is, and where it was. */
export interface SpoolFolder {
  readonly path: string
  readonly instance: InstanceId
  /** What was saved under a name, parsed; null where there is nothing or it makes no sense. */
  load<T>(name: string, schema: z.ZodMiniType<T>): T | null
  /**
   * Replaces what was saved under a name; never half of it. On a disk that is full or read-only what was saved before
   * stays, which is always safe: what comes after it is done once more.
   */
  save(name: string, value: unknown): void
  /** Gives the folder back. May be called twice. */
  release(): void
}

/** The folder cannot be used; the message says why and what to do. */
export class SpoolFolderError extends Error {}

const Holder = z.object({ pid: z.int(), started: z.nullable(z.string()) })

/** The disk, not the settings, is at fault: it may pass, and this host is to be seen meanwhile. */
const OF_THE_DISK = ["ENOSPC", "EROFS", "EDQUOT", "EIO"]

/** Opens the folder for this process alone: two processes in one folder would speak as one installation. */
export function openSpoolFolder(path: string): SpoolFolder {
  // Where it cannot be made nobody else can take it either.
  let release = (): void => {}
  if (isMade(path)) release = lock(path)
  return {
    path,
    instance: identityIn(path),
    load: (name, schema) => loadFrom(path, name, schema),
    save: (name, value) => saveIn(path, name, value),
    release,
  }
}

/** False where the disk is at fault. */
function isMade(path: string): boolean {
  try {
    makeFolderSync(path)
    return true
  } catch (error) {
    if (isCode(error, ...OF_THE_DISK)) return false
    throw new SpoolFolderError(`BOO_SPOOL_DIR ${path} cannot be made: ${String(error)}`)
  }
}

/** Messages are kept per host id: those of another id may not be sent under this one. */
export function messagesFolder(path: string, host: HostId): string {
  return join(path, "messages", host)
}

/** Other host ids of which messages wait in a folder. */
export function otherHostsIn(path: string, host: HostId): string[] {
  try {
    const others = readdirSync(join(path, "messages")).filter((name) => name !== host)
    return others.filter((name) =>
      readdirSync(join(path, "messages", name)).some((file) => file.endsWith(".log")),
    )
  } catch {
    return []
  }
}

/** Whether a sidecar runs in a folder right now. */
export function isHeld(path: string): boolean {
  const holder = loadFrom(path, "running", Holder)
  return holder !== null && isRunning(holder)
}

/** What another process saved in a folder, without opening it. */
export function loadFrom<T>(path: string, name: string, schema: z.ZodMiniType<T>): T | null {
  return schema.safeParse(parsed(join(path, `${name}.json`))).data ?? null
}

function saveIn(path: string, name: string, value: unknown): void {
  const file = join(path, `${name}.json`)
  try {
    writeFileSync(`${file}.new`, JSON.stringify(value), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  } catch (error) {
    // Without a folder: it could not be made, for the same reasons.
    if (!isCode(error, ...OF_THE_DISK, "ENOENT")) throw error
  }
}

/** Who the installation in a folder is; made and kept where it is not known yet. */
export function identityIn(path: string): InstanceId {
  const saved = loadFrom(path, "instance", z.object({ instance: InstanceId }))
  if (saved) return saved.instance
  const instance = InstanceId.parse(randomUUID())
  saveIn(path, "instance", { instance })
  return instance
}

// Each try that fails was another process that started, or ended, at this very moment.
const LOCK_TRIES = 5

function lock(path: string): () => void {
  const file = join(path, "running.json")
  const mine = `${file}.${process.pid}`
  try {
    // Whole before it has its name: nobody ever reads half of it.
    writeFileSync(mine, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }), { mode: 0o600 })
    for (let tries = 0; !take(mine, file); tries += 1) {
      const holder = loadFrom(path, "running", Holder)
      if (tries === LOCK_TRIES || (holder && isRunning(holder)))
        throw new SpoolFolderError(
          `another sidecar (process ${holder?.pid ?? "unknown"}) runs in ${path}: stop it, or give this one its own BOO_SPOOL_DIR`,
        )
      setAside(file, holder)
    }
  } catch (error) {
    // Nobody else can take it there either, and nothing is written that two could spoil.
    if (isCode(error, ...OF_THE_DISK)) return () => {}
    if (error instanceof SpoolFolderError) throw error
    throw new SpoolFolderError(`BOO_SPOOL_DIR ${path} cannot be written: ${String(error)}`)
  } finally {
    forget(mine)
  }
  return () => {
    if (loadFrom(path, "running", Holder)?.pid === process.pid) forget(file)
  }
}

/** Gives `mine` the name of the lock; false where that is taken. */
function take(mine: string, file: string): boolean {
  try {
    linkSync(mine, file)
    return true
  } catch (error) {
    if (isCode(error, "EEXIST")) return false
    if (!isCode(error, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK")) throw error
  }
  // A file system without hard links.
  try {
    writeFileSync(file, readFileSync(mine), { flag: "wx", mode: 0o600 })
    return true
  } catch (error) {
    if (isCode(error, "EEXIST")) return false
    throw error
  }
}

/** Removes the lock of a process that is gone, and puts it back where another one has taken it meanwhile. */
function setAside(file: string, gone: z.infer<typeof Holder> | null): void {
  const aside = `${file}.${process.pid}.old`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (isCode(error, "ENOENT")) return
    throw error
  }
  const found = Holder.safeParse(parsed(aside)).data ?? null
  if (found && (found.pid !== gone?.pid || found.started !== gone.started)) take(aside, file)
  forget(aside)
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch {
    return null
  }
}

function forget(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // A disk that cannot be written keeps it; its process is gone by then.
  }
}

function isRunning(holder: z.infer<typeof Holder>): boolean {
  if (holder.pid === process.pid) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (isCode(error, "ESRCH")) return false
  }
  // A process id is used again after a reboot: the start time tells whether it is still the same process.
  return holder.started === startOf(holder.pid)
}

/** When a process started, in the kernel's own ticks since boot; null where there is no /proc. */
function startOf(pid: number): string | null {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The command in parentheses may hold spaces.
    return `${boot}/${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`
  } catch {
    return null
  }
}
