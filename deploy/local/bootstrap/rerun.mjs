import { spawn } from "node:child_process"

/**
 * Runs ourselves again under another Node and becomes a mere go-between: signals go on, the exit code comes back.
 * The extra pipe is a lifeline: should we be killed, the other side sees its end and stops everything.
 *
 * @param {string} node
 * @param {string[]} args
 * @returns {Promise<number>}
 */
export async function rerunWith(node, args) {
  const child = spawn(node, args, {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, BOO_LIFELINE_FD: "3" },
  })
  // Ctrl-C reaches the other side from the terminal as well; it counts signals once.
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal))
  child.stdio[3]?.on("error", () => undefined)
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("exit", (code, signal) => resolve(code ?? 128 + (SIGNAL_NUMBERS[signal ?? ""] ?? 1)))
  })
}

/** @type {Record<string, number>} */
const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }
