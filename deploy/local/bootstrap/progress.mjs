/**
 * @typedef {object} Progress
 * @property {(line: string) => void} say prints one line with the seconds since the start
 * @property {<T>(what: string, work: () => Promise<T>) => Promise<T>} step says what begins, and that it still runs
 */

// Long enough to stay quiet on a fast machine, short enough that nobody takes a slow one for dead.
const STILL_RUNNING_MS = 10_000

/** @returns {Progress} */
export function createProgress() {
  // A second process under another Node goes on counting where the first began.
  const startedAt = Number(process.env.BOO_STARTED_AT ?? Date.now())
  process.env.BOO_STARTED_AT = String(startedAt)

  /** @param {string} line */
  const say = (line) => {
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
    console.log(`[${seconds.padStart(5)} s] ${line}`)
  }
  return {
    say,
    step: async (what, work) => {
      say(what)
      const timer = setInterval(() => say(`${what}: still at it`), STILL_RUNNING_MS)
      try {
        return await work()
      } finally {
        clearInterval(timer)
      }
    },
  }
}
