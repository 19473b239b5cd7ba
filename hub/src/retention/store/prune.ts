import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { Sql } from "../../platform/postgres.ts"

const HOUR_MS = 3_600_000

/** Tables without partitions that are kept for a while: few rows, deleted one host and hour at a time. */
const PRUNED = {
  control_model_events: "ts",
  control_dead_letters: "received_at",
} as const
export type PrunedTable = keyof typeof PRUNED

/** Deletes rows from before a time. Resolves to how many. */
export async function pruneBefore(
  sql: Sql,
  { table, beforeMs }: { table: PrunedTable; beforeMs: number },
  signal: AbortSignal,
): Promise<number> {
  const column = sql(PRUNED[table])
  let rows = 0
  while (!signal.aborted) {
    const [oldest] = await sql<{ provider_id: string | null; at: Instant }[]>`
      select provider_id, ${column}::timestamptz as at from ${sql(table)}
      where ${column} < ${instantOf(beforeMs)} order by ${column} limit 1`
    if (!oldest) break
    const toMs = Math.min(Math.floor(epochMsOf(oldest.at) / HOUR_MS + 1) * HOUR_MS, beforeMs)
    const deleted = await sql`
      delete from ${sql(table)}
      where provider_id is not distinct from ${oldest.provider_id}
        and ${column} >= ${oldest.at} and ${column} < ${instantOf(toMs)}`
    if (deleted.count === 0) break
    rows += deleted.count
  }
  return rows
}

/** Deletes the oldest dead letters beyond a number. */
export async function pruneDeadLetters(sql: Sql, keep: number): Promise<number> {
  const deleted = await sql`
    delete from control_dead_letters
    where id <= (select id from control_dead_letters order by id desc offset ${keep} limit 1)`
  return deleted.count
}

/** One row per host and day: too few for chunks. */
export async function pruneCompleteness(sql: Sql, beforeMs: number): Promise<number> {
  const deleted =
    await sql`delete from control_completeness where day < ${instantOf(beforeMs).slice(0, 10)}::date`
  return deleted.count
}

const EVICTED_AT_ONCE = 200

/** Takes away the oldest stored captures until the rest keeps to the budget. The rows stay, and say when. */
export async function evictCaptures(
  sql: Sql,
  { budgetBytes, nowMs }: { budgetBytes: number; nowMs: number },
  signal: AbortSignal,
): Promise<number> {
  let evicted = 0
  while (!signal.aborted) {
    const { count } = await sql`
      update control_requests r set capture = null, capture_evicted_at = ${instantOf(nowMs)}
      from (
        select ts, id from (
          select ts, id, sum(pg_column_size(capture)) over (order by ts desc, id desc) as together
          from control_requests where capture is not null) c
        where together > ${budgetBytes} order by ts, id limit ${EVICTED_AT_ONCE}) old
      where r.ts = old.ts and r.id = old.id`
    evicted += count
    if (count < EVICTED_AT_ONCE) break
  }
  return evicted
}
