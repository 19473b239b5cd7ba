import { DeadLetterRow } from "@boocontrol/shared/retention"
import type { Instant } from "@boocontrol/shared/time"
import type { HostId } from "@boocontrol/shared/ids"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"

const Rows = z.array(DeadLetterRow)

export interface DeadLettersWanted {
  host: HostId | undefined
  /** Number of the last one of the page before. */
  after: number | null
  limit: number
}

/** Newest first: they are numbered as they come. */
export async function listDeadLetters(
  sql: Sql,
  { host, after, limit }: DeadLettersWanted,
): Promise<DeadLetterRow[]> {
  const rows = await sql`
    select id, received_at, provider_id, kind, subject, stream, stream_seq, reason, problem, bytes, more
    from report_dead_letters
    where ${host === undefined ? sql`true` : sql`provider_id = ${host}`}
      and ${after === null ? sql`true` : sql`id < ${after}`}
    order by id desc
    limit ${limit}`
  return Rows.parse([...rows])
}

export async function countDeadLetters(sql: Sql): Promise<{ total: number; newest_at: Instant | null }> {
  const [row] = await sql<{ total: number; newest_at: Instant | null }[]>`
    select count(*) + coalesce(sum(more), 0)::bigint as total, max(received_at) as newest_at from report_dead_letters`
  return row ?? { total: 0, newest_at: null }
}
