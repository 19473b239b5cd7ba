import * as fs from "node:fs"
import { dirname, join } from "node:path"

export interface FileSize {
  name: string
  bytes: number
}

/** One file that grows at its end. */
export interface GrowingFile {
  /** Writes at a place, all of it or throws. */
  write(parts: readonly Uint8Array[], at: number): Promise<void>
  truncate(bytes: number): Promise<void>
  /** Data is on the disk, not only on its way. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface Span {
  at: number
  bytes: number
  /** Is filled and used again by its owner; without it the answer has memory of its own. */
  into?: Buffer
}

/** What the spool needs of a folder. Everything throws what the system says, by code. */
export interface SpoolFiles {
  list(): Promise<FileSize[]>
  create(name: string): Promise<GrowingFile>
  /** One that is there already. */
  open(name: string): Promise<GrowingFile>
  read(name: string, span: Span): Promise<Buffer>
  append(name: string, bytes: Uint8Array): Promise<void>
  truncate(name: string, bytes: number): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Nothing happens where it is gone already. */
  remove(name: string): Promise<void>
}

/** Files of a real folder, made at the first use. */
export function folderFiles(folder: string): SpoolFiles {
  const path = (name: string) => join(folder, name)
  return {
    async list() {
      const names = await called<string[]>((done) => fs.readdir(folder, done)).catch((error: unknown) => {
        if (isCode(error, "ENOENT")) return []
        throw error
      })
      const found: FileSize[] = []
      for (const name of names.toSorted()) {
        const stat = await called<fs.Stats>((done) => fs.stat(path(name), done))
        if (stat.isFile()) found.push({ name, bytes: stat.size })
      }
      return found
    },
    async create(name) {
      await makeFolder(folder)
      return growing(await called<number>((done) => fs.open(path(name), "wx", 0o600, done)), folder)
    },
    async open(name) {
      return growing(await called<number>((done) => fs.open(path(name), "r+", done)), folder)
    },
    async read(name, { at, bytes, into }) {
      const fd = await called<number>((done) => fs.open(path(name), "r", done))
      try {
        const buffer = into ?? Buffer.allocUnsafeSlow(bytes)
        let filled = 0
        while (filled < bytes) {
          const place = { buffer, offset: filled, length: bytes - filled, position: at + filled }
          const got = await called<number>((done) => fs.read(fd, place, done))
          if (got === 0) break
          filled += got
        }
        return buffer.subarray(0, filled)
      } finally {
        await called((done) => fs.close(fd, done))
      }
    },
    append: (name, bytes) => called((done) => fs.appendFile(path(name), bytes, { mode: 0o600 }, done)),
    truncate: (name, bytes) => called((done) => fs.truncate(path(name), bytes, done)),
    rename: (from, to) => called((done) => fs.rename(path(from), path(to), done)),
    remove: (name) => called((done) => fs.rm(path(name), { force: true }, done)),
  }
}

const FOLDER = { mode: 0o700 }

/**
 * Level by level, for what Node makes of all at once (24, `MKDirpAsync`): of a disk that is read-only it says that there is
 * no such folder, and below /proc it tries for ever.
 */
async function makeFolder(path: string): Promise<void> {
  const make = () => called((done) => fs.mkdir(path, FOLDER, done))
  try {
    await make()
  } catch (error) {
    if (isCode(error, "EEXIST")) return
    // Above a drive that is not there is nothing.
    if (!isCode(error, "ENOENT") || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await make()
  }
}

/** As above, for before anything else runs. */
export function makeFolderSync(path: string): void {
  try {
    fs.mkdirSync(path, FOLDER)
  } catch (error) {
    if (isCode(error, "EEXIST")) return
    if (!isCode(error, "ENOENT") || dirname(path) === path) throw error
    makeFolderSync(dirname(path))
    fs.mkdirSync(path, FOLDER)
  }
}

function growing(fd: number, folder: string): GrowingFile {
  let isNew = true
  return {
    async write(parts, at) {
      const wanted = parts.reduce((sum, part) => sum + part.byteLength, 0)
      const written = await called<number>((done) => fs.writev(fd, parts, at, done))
      // A disk that fills up takes what it can and says nothing.
      if (written < wanted)
        throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" })
    },
    truncate: (bytes) => called((done) => fs.ftruncate(fd, bytes, done)),
    async sync() {
      await called((done) => fs.fdatasync(fd, done))
      if (isNew) await syncFolder(folder)
      isNew = false
    },
    close: () => called((done) => fs.close(fd, done)),
  }
}

/** A new file outlives a power cut only when its folder says that it is there. Not every system can do this. */
async function syncFolder(folder: string): Promise<void> {
  const fd = await called<number>((done) => fs.open(folder, "r", done)).catch(() => null)
  if (fd === null) return
  await called((done) => fs.fsync(fd, done)).catch(() => undefined)
  await called((done) => fs.close(fd, done))
}

type Done<T> = (error: NodeJS.ErrnoException | null, value?: T) => void

/** The promise API of node:fs is a module of its own, resident for a dozen calls. */
function called<T = void>(call: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    call((error, value) => (error ? reject(error) : resolve(value as T)))
  })
}

export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code))
}
