import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { REPOSITORY, RUNTIME } from "./places.mjs"

const LEFT_OUT = new Set(["node_modules", "dist", "e2e", ".vite"])

/**
 * One hash over files and, recursively, folders of the repository: names and contents. Tests and what is built are
 * left out, so that neither makes anything be done again.
 *
 * @param {string[]} paths
 * @returns {string}
 */
export function hashOf(paths) {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}`)
  for (const path of paths.flatMap(filesOf).sort())
    hash.update(`\0${path}\0`).update(readFileSync(join(REPOSITORY, path)))
  return hash.digest("hex")
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function filesOf(path) {
  /** @type {import("node:fs").Dirent[]} */
  let entries
  try {
    entries = readdirSync(join(REPOSITORY, path), { withFileTypes: true })
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOTDIR") return [path]
    throw error
  }
  return entries
    .filter((entry) => !LEFT_OUT.has(entry.name) && !entry.name.endsWith(".test.ts"))
    .flatMap((entry) => (entry.isDirectory() ? filesOf(`${path}/${entry.name}`) : [`${path}/${entry.name}`]))
}

/**
 * True when the work named so was last done for the same hash.
 *
 * @param {string} name
 * @param {string} hash
 */
export function isStamped(name, hash) {
  try {
    return readFileSync(stampFile(name), "utf8") === hash
  } catch {
    return false
  }
}

/**
 * @param {string} name
 * @param {string} hash
 */
export function stamp(name, hash) {
  mkdirSync(dirname(stampFile(name)), { recursive: true })
  writeFileSync(stampFile(name), hash)
}

/** @param {string} name */
function stampFile(name) {
  return join(RUNTIME, "stamps", name)
}
