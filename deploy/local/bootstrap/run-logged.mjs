import { spawn } from "node:child_process"
import { createWriteStream, mkdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { RUNTIME } from "./places.mjs"
import { SetupFailure } from "./setup-failure.mjs"

const LAST_LINES = 15

/**
 * Runs a program with its output in a log file, and ends it when we are told to end.
 *
 * @param {string} what in the words of the failure: "installing the dependencies"
 * @param {string[]} command
 * @param {{ cwd: string, log: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<void>}
 */
export async function runLogged(what, [file = "", ...args], { cwd, log, env = {} }) {
  const path = join(RUNTIME, "logs", log)
  mkdirSync(dirname(path), { recursive: true })
  const output = createWriteStream(path, { flags: "w" })
  await new Promise((resolve) => output.once("open", resolve))
  // npm and npx are scripts there, which only a shell can start, and it splits what is not quoted.
  const viaShell = process.platform === "win32" && !file.endsWith(".exe")
  const child = spawn(file, viaShell ? args.map((arg) => `"${arg}"`) : args, {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ["ignore", output, output],
    shell: viaShell,
    windowsHide: true,
  })
  /** @param {NodeJS.Signals} signal */
  const stop = (signal) => {
    child.kill(signal)
    process.exit(signal === "SIGINT" ? 130 : 143)
  }
  process.once("SIGINT", stop)
  process.once("SIGTERM", stop)
  try {
    /** @type {string} */
    const ending = await new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message))
      child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`))
    })
    if (ending !== "exit code 0") throw new SetupFailure(explain(what, path, ending))
  } finally {
    process.off("SIGINT", stop)
    process.off("SIGTERM", stop)
    output.close()
  }
}

/**
 * @param {string} what
 * @param {string} path
 * @param {string} ending
 */
function explain(what, path, ending) {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n")
  const hint = HINTS.find(([pattern]) => lines.some((line) => pattern.test(line)))?.[1]
  return [
    `${what} failed (${ending}).`,
    ...(hint === undefined ? [] : [hint]),
    `The last lines of ${path}:`,
    ...lines.slice(-LAST_LINES).map((line) => `  ${line}`),
  ].join("\n")
}

/** @type {[RegExp, string][]} */
const HINTS = [
  [/ENOSPC|no space left/i, "The disk is full: free some space and start again."],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ENETUNREACH|network/i,
    "The package registry could not be reached: the first start needs the network (or npm's proxy settings).",
  ],
  [/EACCES|EPERM/, "This user may not write there: see the path below."],
]

// `npm start` tells its scripts where it runs; to an npm of our own that would be an order to install there.
function cleanEnvironment() {
  const hidden = /^npm_(package|lifecycle|command|execpath|node_execpath|config_(local|global)?_?prefix)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !hidden.test(name)))
}
