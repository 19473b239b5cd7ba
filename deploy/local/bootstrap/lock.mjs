import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { RUNTIME } from "./places.mjs"

const FILE = join(RUNTIME, "setup.lock")
const POLL_MS = 250
const LONGEST_MS = 20 * 60_000

/**
 * Lets one process at a time install and build in this clone; the others wait and then find it done.
 *
 * @template T
 * @param {import("./progress.mjs").Progress} progress
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withSetupLock(progress, work) {
  mkdirSync(RUNTIME, { recursive: true })
  for (let waited = false; !take(); waited = true) {
    if (!waited) progress.say(`waiting for the set-up by process ${holder()}`)
    await delay(POLL_MS)
  }
  const release = () => rmSync(FILE, { force: true })
  // A signal during npm ends us by process.exit.
  process.once("exit", release)
  try {
    return await work()
  } finally {
    process.off("exit", release)
    release()
  }
}

function take() {
  try {
    writeFileSync(FILE, String(process.pid), { flag: "wx" })
    return true
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "EEXIST") throw error
    if (isStale()) rmSync(FILE, { force: true })
    return false
  }
}

// A killed set-up leaves its file, and its pid may be given away again: in a container even to ourselves.
function isStale() {
  try {
    return holder() === process.pid || !isAlive(holder()) || Date.now() - statSync(FILE).mtimeMs > LONGEST_MS
  } catch {
    return false
  }
}

function holder() {
  try {
    return Number(readFileSync(FILE, "utf8"))
  } catch {
    return 0
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}
