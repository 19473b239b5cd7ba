import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { sumUpDays, sumUpHours } from "./store/sums.ts"

// An hour that is not summed up is read from its rows meanwhile: slower, not wrong. While old rows come in, each pass
// sums up their hours anew.
const EVERY_MS = 15_000

/** Keeps the sums of hours and days up to date. `stop` waits for the pass in hand. */
export function startSums({ sql, clock, log }: { sql: Sql; clock: Clock; log: Log }): () => Promise<void> {
  const abort = new AbortController()
  let running: Promise<void> | null = null
  const pass = async (): Promise<void> => {
    try {
      for (const sumUp of [sumUpHours, sumUpDays])
        while (!abort.signal.aborted && (await sumUp(sql, clock.now())) > 0);
    } catch (error) {
      // The marks are still there: nothing is lost but time.
      log.warn({ err: error }, "requests could not be summed up now")
    }
  }
  const look = (): void => {
    running ??= pass().finally(() => (running = null))
  }
  const cancel = clock.every(EVERY_MS, look)
  look()
  return async () => {
    cancel()
    abort.abort()
    await running
  }
}
