import { DeadLetterCount, DeadLetterRow } from "@boocontrol/shared/retention"
import { Instant } from "@boocontrol/shared/time"
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

const Counts = z.array(z.extend(DeadLetterCount, { newest_at: Instant }))

export async function countDeadLetters(
  sql: Sql,
): Promise<{ total: number; newest_at: Instant | null; by_reason: DeadLetterCount[] }> {
  const rows = await sql`
    select reason, count(*) + sum(more)::bigint as total, count(bytes) as kept, max(received_at) as newest_at
    from report_dead_letters
    group by reason
    order by total desc, reason`
  const counts = Counts.parse([...rows])
  return {
    total: counts.reduce((sum, { total }) => sum + total, 0),
    newest_at:
      counts
        .map(({ newest_at: at }) => at)
        .sort()
        .at(-1) ?? null,
    by_reason: counts.map(({ reason, total, kept }) => ({ reason, total, kept })),
  }
}
