import { randomUUID } from "node:crypto"
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as z from "zod/mini"
import { InstanceId } from "@boocontrol/shared/ids"

/** The folder that outlives the process: who this installation is, and where it was. */
export interface SpoolFolder {
  readonly path: string
  readonly instance: InstanceId
  /** What was saved under a name, parsed; null where there is nothing or it makes no sense. */
  load<T>(name: string, schema: z.ZodMiniType<T>): T | null
  /** Replaces what was saved under a name; never half of it. */
  save(name: string, value: unknown): void
  /** Gives the folder back. May be called twice. */
  release(): void
}

/** The folder cannot be used; the message says why and what to do. */
export class SpoolFolderError extends Error {}

const Holder = z.object({ pid: z.int(), started: z.nullable(z.string()) })

/** Opens the folder for this process alone: two processes in one folder would speak as one installation. */
export function openSpoolFolder(path: string): SpoolFolder {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new SpoolFolderError(`BOO_SPOOL_DIR ${path} cannot be made: ${String(error)}`)
  }
  const release = lock(path)
  return {
    path,
    instance: identityIn(path),
    load: (name, schema) => loadFrom(path, name, schema),
    save: (name, value) => saveIn(path, name, value),
    release,
  }
}

/** What another process saved in a folder, without opening it. */
export function loadFrom<T>(path: string, name: string, schema: z.ZodMiniType<T>): T | null {
  try {
    return schema.safeParse(JSON.parse(readFileSync(join(path, `${name}.json`), "utf8"))).data ?? null
  } catch {
    return null
  }
}

function saveIn(path: string, name: string, value: unknown): void {
  const file = join(path, `${name}.json`)
  writeFileSync(`${file}.new`, JSON.stringify(value), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

function identityIn(path: string): InstanceId {
  const saved = loadFrom(path, "instance", z.object({ instance: InstanceId }))
  if (saved) return saved.instance
  const instance = InstanceId.parse(randomUUID())
  saveIn(path, "instance", { instance })
  return instance
}

function lock(path: string): () => void {
  const file = join(path, "running.json")
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid) })
  // A second try for the holder that is found dead.
  for (const attempt of [1, 2]) {
    try {
      writeFileSync(file, mine, { flag: "wx", mode: 0o600 })
      break
    } catch (error) {
      if (!isCode(error, "EEXIST"))
        throw new SpoolFolderError(`BOO_SPOOL_DIR ${path} cannot be written: ${String(error)}`)
      const holder = loadFrom(path, "running", Holder)
      if (attempt === 2 || (holder && isRunning(holder)))
        throw new SpoolFolderError(
          `another sidecar (process ${holder?.pid ?? "unknown"}) runs in ${path}: stop it, or give this one its own BOO_SPOOL_DIR`,
        )
      rmSync(file, { force: true })
    }
  }
  return () => {
    if (loadFrom(path, "running", Holder)?.pid === process.pid) rmSync(file, { force: true })
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

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code
}
