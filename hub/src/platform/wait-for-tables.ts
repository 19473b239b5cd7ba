import { sleep } from "./clock.ts"
import type { Clock } from "./clock.ts"
import type { Log } from "./log.ts"
import type { Sql } from "./postgres.ts"

export interface WaitForTables {
  tables: readonly string[]
  timeoutMs: number
  clock: Clock
  log: Log
}

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 2_000

/**
 * Waits until Postgres answers, for it may itself still be starting, and until every table exists. On time-out it names
 * what is missing.
 */
export async function waitForTables(
  sql: Sql,
  { tables, timeoutMs, clock, log }: WaitForTables,
): Promise<void> {
  const untilMs = clock.now() + timeoutMs
  let waitMs = FIRST_WAIT_MS
  for (let attempt = 1; ; attempt++) {
    const problem = await problemWith(sql, tables)
    if (problem === null) return
    const leftMs = untilMs - clock.now()
    if (leftMs <= 0) throw new Error(`After ${timeoutMs / 1000} s of waiting: ${problem}`)
    if (attempt === 1) log.info({ tables }, `waiting: ${problem}`)
    await sleep(clock, Math.min(waitMs, leftMs))
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }
}

async function problemWith(sql: Sql, tables: readonly string[]): Promise<string | null> {
  try {
    const rows = await sql<{ name: string }[]>`
      select name from unnest(${[...tables]}::text[]) as name where to_regclass(name) is null`
    if (rows.length === 0) return null
    return `table ${rows.map((row) => row.name).join(", ")} does not exist`
  } catch (error) {
    return `Postgres does not answer (${error instanceof Error ? error.message : String(error)})`
  }
}
