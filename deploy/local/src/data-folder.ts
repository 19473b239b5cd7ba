import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { dirname, join, resolve } from "node:path"
import { codeOf, messageOf, StartFailure } from "./failure.ts"

export interface Account {
  uid: number
  gid: number
}

// Postgres alone needs about 60 MB for an empty cluster and writes 16 MB log segments.
const LEAST_FREE_BYTES = 256 * 1024 * 1024

/** Makes the data folder, and says plainly what is wrong with it where it cannot be used. */
export function prepareDataFolder(folder: string): string {
  const path = resolve(folder)
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 })
    const probe = join(path, `.writable-${process.pid}`)
    writeFileSync(probe, "")
    rmSync(probe)
  } catch (error) {
    throw unusable(path, error)
  }
  refuseFullDisk(path)
  return path
}

function unusable(path: string, error: unknown): StartFailure {
  const reasons: Record<string, string> = {
    EACCES: "this user may not write there",
    EPERM: "this user may not write there",
    EROFS: "the file system is read-only",
    ENOSPC: "the disk is full",
    ENOTDIR: "a part of the path is a file",
    EEXIST: "it is a file",
  }
  const reason = reasons[codeOf(error) ?? ""] ?? messageOf(error)
  return new StartFailure(
    `The data folder ${path} cannot be used: ${reason}.\nGive another one with --data-dir or BOO_DATA_DIR.`,
    { cause: error },
  )
}

function refuseFullDisk(path: string): void {
  const { bavail, bsize } = statfsSync(path)
  const freeBytes = bavail * bsize
  if (freeBytes >= LEAST_FREE_BYTES) return
  const freeMb = Math.floor(freeBytes / 1024 / 1024)
  throw new StartFailure(
    `The disk of ${path} has ${freeMb} MB left; BooControl needs at least ${LEAST_FREE_BYTES / 1024 / 1024} MB.\n` +
      "Free some space, or give another data folder with --data-dir or BOO_DATA_DIR.",
  )
}

/** Everything on the way to `path` that `account` may not pass through, outermost first. */
export function closedParents(path: string, account: Account): string[] {
  const closed: string[] = []
  for (let part = resolve(path); ; part = dirname(part)) {
    const { mode, uid, gid } = statSync(part)
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) closed.unshift(part)
    if (part === dirname(part)) return closed
  }
}

/** Opens the data folder itself to `account`; a closed parent belongs to somebody else and is named instead. */
export function openTo(folder: string, account: Account, accountName: string): void {
  if (closedParents(folder, account).includes(folder)) chmodSync(folder, statSync(folder).mode | 0o011)
  const [closed] = closedParents(folder, account)
  if (closed === undefined) return
  throw new StartFailure(
    `Postgres runs as the user ${accountName}, who cannot pass through ${closed}.\n` +
      `Give a data folder elsewhere with --data-dir or BOO_DATA_DIR, or open that one: chmod o+x ${closed}`,
  )
}

export function ownedFolder(path: string, account: Account | null): string {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  if (account !== null) chownSync(path, account.uid, account.gid)
  return path
}

export function writeSecret(
  path: string,
  content: string | Uint8Array,
  account: Account | null = null,
): void {
  writeFileSync(path, content, { mode: 0o600 })
  // The mode above only counts for a new file.
  chmodSync(path, 0o600)
  if (account !== null) chownSync(path, account.uid, account.gid)
}

export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null
    throw error
  }
}
