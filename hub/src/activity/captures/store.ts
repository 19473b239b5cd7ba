import { ActivityRow } from "@boocontrol/shared/activity"
import { StoredCapture } from "@boocontrol/shared/capture"
import type { RequestId } from "@boocontrol/shared/ids"
import { Instant, instantOf } from "@boocontrol/shared/time"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import { timeOfRequestId } from "../request-id.ts"
import { ROW_COLUMNS } from "../store/write.ts"

const Found = z.object({ capture: z.nullable(StoredCapture), evicted_at: z.nullable(Instant) })

export interface FoundCapture {
  row: ActivityRow
  capture: StoredCapture | null
  /** When a stored one had to make room; null: never stored, or still there. */
  evictedAt: Instant | null
}

/** A request and what is stored of its capture; null for an id that nobody gave. */
export async function findCapture(sql: Sql, id: RequestId): Promise<FoundCapture | null> {
  // By the time within the id one partition is looked at.
  const [found] = await sql`
    select ${sql(ROW_COLUMNS)}, capture, capture_evicted_at as evicted_at
    from control_requests where ts = ${instantOf(timeOfRequestId(id))} and id = ${id}`
  if (!found) return null
  const { capture, evicted_at } = Found.parse(found)
  return { row: ActivityRow.parse(found), capture, evictedAt: evicted_at }
}

/** Filled once: of two hubs that fetched it, the first is kept. False where there is one already. */
export async function storeCapture(
  sql: Sql,
  row: Pick<ActivityRow, "id" | "ts">,
  capture: StoredCapture,
): Promise<boolean> {
  const done = await sql`
    update control_requests set capture = ${sql.json(capture)}, capture_evicted_at = null
    where ts = ${row.ts} and id = ${row.id} and capture is null`
  return done.count === 1
}
