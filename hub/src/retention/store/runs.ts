import { RetentionRun } from "@boocontrol/shared/retention"
import type { RetentionDetail } from "@boocontrol/shared/retention"
import { instantOf } from "@boocontrol/shared/time"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"

const Runs = z.array(RetentionRun)
const KEPT_RUNS = 500

/** Notes that a run began, and forgets the oldest ones. Resolves to its number. */
export async function beginRun(
  sql: Sql,
  { hubId, nowMs }: { hubId: string; nowMs: number },
): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    insert into control_retention_runs (hub_id, started_at) values (${hubId}, ${instantOf(nowMs)}) returning id`
  const id = row?.id ?? 0
  await sql`delete from control_retention_runs where id <= ${id - KEPT_RUNS}`
  return id
}

export interface RunEnd {
  nowMs: number
  detail: RetentionDetail
  error: string | null
}

export async function endRun(sql: Sql, id: number, { nowMs, detail, error }: RunEnd): Promise<void> {
  await sql`
    update control_retention_runs
    set finished_at = ${instantOf(nowMs)}, detail = ${sql.json(detail)}, error = ${error}
    where id = ${id}`
}

/** The newest runs first. */
export async function listRuns(sql: Sql, limit: number): Promise<RetentionRun[]> {
  const rows = await sql`
    select id, hub_id, started_at, finished_at, detail, error from control_retention_runs
    order by id desc limit ${limit}`
  return Runs.parse([...rows])
}
