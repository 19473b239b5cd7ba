import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs"
import { dirname } from "node:path"

export interface LogFile {
  readonly path: string
  write(chunk: string | Uint8Array): void
  close(): void
}

// Two files of this size per child: enough to look into yesterday's trouble, never enough to fill a disk.
const LIMIT_BYTES = 5 * 1024 * 1024

/** Appends to a file that is put aside as `.1` when it is full, so that no child's chatter can fill the disk. */
export function openLogFile(path: string, limitBytes = LIMIT_BYTES): LogFile {
  mkdirSync(dirname(path), { recursive: true })
  let file: number | null = openSync(path, "a", 0o600)
  let size = fstatSync(file).size
  return {
    path,
    write: (chunk) => {
      if (file === null) return
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk
      if (size > 0 && size + bytes.length > limitBytes) {
        closeSync(file)
        renameSync(path, `${path}.1`)
        file = openSync(path, "a", 0o600)
        size = 0
      }
      try {
        size += writeSync(file, bytes)
      } catch {
        // A full disk must not take the launcher down: the children say for themselves what fails.
      }
    },
    close: () => {
      if (file !== null) closeSync(file)
      file = null
    },
  }
}
