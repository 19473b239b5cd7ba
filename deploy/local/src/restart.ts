/**
 * When to start a child again that ended by itself.
 *
 * | after                                  | do                                          |
 * | -------------------------------------- | ------------------------------------------- |
 * | settings that it refused (exit code 2) | give up: it would refuse them again         |
 * | a life of a minute or more             | start at once, count from the beginning     |
 * | a shorter life                         | wait, twice as long as the time before      |
 */
export type RestartDecision = { kind: "restart"; afterMs: number; failures: number } | { kind: "give-up" }

const REFUSED_SETTINGS = 2
const STEADY_MS = 60_000
const FIRST_MS = 500
// Long enough that a child which cannot start costs nothing, short enough that nobody waits for it who mended the cause.
const LONGEST_MS = 30_000

export function decideRestart(ended: {
  code: number | null
  aliveMs: number
  failures: number
}): RestartDecision {
  if (ended.code === REFUSED_SETTINGS) return { kind: "give-up" }
  const failures = ended.aliveMs >= STEADY_MS ? 0 : ended.failures + 1
  const afterMs = failures === 0 ? 0 : Math.min(FIRST_MS * 2 ** (failures - 1), LONGEST_MS)
  return { kind: "restart", afterMs, failures }
}
