import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { startPasses } from "./passes.ts"
import { sumUpAll } from "./store/sums.ts"

// An hour that is not summed up is read from its rows meanwhile: slower, not wrong. While old rows come in, each pass
// sums up their hours anew.
const EVERY_MS = 15_000

/** Keeps the sums of hours, and what they add up to, up to date. `stop` waits for the pass in hand. */
export function startSums({ sql, clock, log }: { sql: Sql; clock: Clock; log: Log }): () => Promise<void> {
  const steps = [() => sumUpAll(sql, clock.now())]
  return startPasses({ clock, log, everyMs: EVERY_MS, steps, failed: "requests could not be summed up now" })
}
