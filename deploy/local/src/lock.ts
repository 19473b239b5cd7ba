import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as z from "zod/mini"
import { codeOf, StartFailure } from "./failure.ts"
import { identify, isRunning } from "./processes/identity.ts"

const Holder = z.object({ pid: z.int(), startedAt: z.nullable(z.string()), since: z.string() })
type Holder = z.infer<typeof Holder>

export interface FolderLock {
  release(): void
}

/** One launcher at a time per data folder; says who holds it. A holder that is dead, or another by now, is passed over. */
export function lockFolder(dataDir: string, since: string): FolderLock {
  const file = join(dataDir, "launcher.lock")
  const own = `${file}.${process.pid}`
  const mine: Holder = { ...identify(process.pid), since }
  writeFileSync(own, JSON.stringify(mine), { mode: 0o600 })
  try {
    // A link is made or refused in one go, and never seen half written.
    while (!link(own, file)) {
      const holder = readHolder(file)
      if (holder !== null && isRunning(holder)) throw heldBy(dataDir, holder)
      setAside(file, holder)
    }
  } finally {
    rmSync(own, { force: true })
  }
  return {
    release: () => {
      if (readHolder(file)?.pid === process.pid) rmSync(file, { force: true })
    },
  }
}

function heldBy(dataDir: string, holder: Holder): StartFailure {
  return new StartFailure(
    `BooControl already runs on the data folder ${dataDir}: process ${holder.pid}, since ${holder.since}.\n` +
      "Stop that one first, or give this one a folder and a port of its own: npm start -- --data-dir D --port N",
  )
}

function link(own: string, file: string): boolean {
  try {
    linkSync(own, file)
    return true
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false
    throw error
  }
}

// Two starts may find the same stale lock: whoever moves it first goes on, and a lock that is not the stale one is put back.
function setAside(file: string, stale: Holder | null): void {
  const aside = `${file}.stale-${process.pid}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (codeOf(error) === "ENOENT") return
    throw error
  }
  const moved = readHolder(aside)
  if (moved !== null && JSON.stringify(moved) !== JSON.stringify(stale)) link(aside, file)
  rmSync(aside, { force: true })
}

function readHolder(file: string): Holder | null {
  try {
    return Holder.parse(JSON.parse(readFileSync(file, "utf8")))
  } catch {
    return null
  }
}
