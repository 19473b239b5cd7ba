import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { ROLLUPS } from "./core/tiers.ts"
import type { Fresh } from "./core/fresh.ts"
import { rollUp } from "./store/rollups.ts"

const EVERY_MS = 3_000

/** Computes every bucket that is due, finest tier first, so that one pass carries a change up through all of them. */
export async function rollUpAll(
  sql: Sql,
  nowMs: number,
  { fresh, signal }: { fresh?: Fresh | undefined; signal?: AbortSignal } = {},
): Promise<void> {
  for (const rollup of ROLLUPS) {
    while ((await rollUp({ sql, fresh }, rollup, nowMs)) > 0) {
      if (signal?.aborted === true) return
    }
  }
}

export interface RollupsOptions {
  sql: Sql
  clock: Clock
  log: Log
  fresh: Fresh
}

/** Keeps the tiers current. `stop` waits for the pass in hand. */
export function startRollups({ sql, clock, log, fresh }: RollupsOptions): () => Promise<void> {
  const abort = new AbortController()
  let running: Promise<void> | null = null
  const pass = async (): Promise<void> => {
    try {
      await rollUpAll(sql, clock.now(), { fresh, signal: abort.signal })
    } catch (error) {
      // The marks are still there: nothing is lost but time.
      log.warn({ err: error }, "aggregates could not be computed now")
    } finally {
      running = null
    }
  }
  const cancel = clock.every(EVERY_MS, () => {
    running ??= pass()
  })
  return async () => {
    cancel()
    abort.abort()
    await running
  }
}
