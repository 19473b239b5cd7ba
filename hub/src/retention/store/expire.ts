import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import { sqlStateOf } from "../../platform/postgres.ts"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import type { Span } from "../core/partitions.ts"
import { daysWithin } from "../core/tables.ts"
import type { Cover, KeptTable } from "../core/tables.ts"
import type { Partition } from "./partitions.ts"

/** `dirty`: aggregates of it are not up to date. `busy`: others use it now. Both are tried again with the next run. */
export type DropOutcome = "dropped" | "dirty" | "uncovered" | "busy"

const HOUR_MS = 3_600_000
const LOCK_NOT_AVAILABLE = "55P03"

/**
 * Drops a partition whose window is over, if everything in it is aggregated: no covering bucket is dirty or missing.
 *
 * The long look is without a lock. What comes after it brings its mark in its own transaction; under the lock, which
 * waits for those that insert, no mark then means that nothing came, or that it is aggregated too.
 */
export async function dropPartition(sql: Sql, kept: KeptTable, partition: Partition): Promise<DropOutcome> {
  const { cover } = kept
  if (cover) {
    if (await isDirty(sql, cover, partition)) return "dirty"
    for (const day of daysWithin(partition)) {
      if ((await markUncovered(sql, { kept, cover, partition: partition.name, span: day })) > 0)
        return "uncovered"
    }
  }
  try {
    return await sql.begin(async (tx) => {
      // Short: whoever comes while this waits has to wait behind it.
      await tx`set local lock_timeout = '2s'`
      // The parent first, as those that insert do.
      await tx.unsafe(`lock table only ${kept.table} in access exclusive mode`)
      if (cover && (await isDirty(tx, cover, partition))) return "dirty"
      await tx.unsafe(`drop table ${partition.name}`)
      return "dropped"
    })
  } catch (error) {
    if (sqlStateOf(error) === LOCK_NOT_AVAILABLE) return "busy"
    throw error
  }
}

async function isDirty(
  sql: Sql | TransactionSql,
  { marks }: Cover,
  { fromMs, toMs }: Span,
): Promise<boolean> {
  const [row] = await sql<{ dirty: boolean }[]>`
    select exists (
      select from ${sql(marks.table)}
      where ${sql(marks.column)} >= ${instantOf(fromMs)} and ${sql(marks.column)} < ${instantOf(toMs)}) as dirty`
  return row?.dirty === true
}

interface CoverWanted {
  kept: KeptTable
  cover: Cover
  partition: string
  span: Span
}

/** Marks aggregates that are missing or know fewer rows than there are, and counts them. */
async function markUncovered(sql: Sql, { kept, cover, partition, span }: CoverWanted): Promise<number> {
  const { marks } = cover
  const missing = await sql<{ provider_id: string; bucket: Instant }[]>`
    select provider_id, bucket from (${uncovered(sql, { kept, cover, partition, span })}) u limit 10000`
  if (missing.length === 0) return 0
  const list = sql`json_to_recordset(${sql.json([...missing])}::json) as r(provider_id text, bucket timestamptz)`
  if (marks.table === "control_dirty_request_hours") {
    await sql`
      insert into control_dirty_request_hours (hour, provider_id, marked_at)
      select bucket, provider_id, clock_timestamp() from ${list} order by 1, 2 on conflict do nothing`
  } else if (marks.tier !== null) {
    await sql`
      insert into control_dirty_buckets (tier, bucket, provider_id, marked_at)
      select ${marks.tier}, bucket, provider_id, clock_timestamp() from ${list} order by 2, 3 on conflict do nothing`
  }
  return missing.length
}

function uncovered(sql: Sql, { kept, cover, partition, span }: CoverWanted): PendingQuery<Row[]> {
  const [from, to] = [instantOf(span.fromMs), instantOf(span.toMs)]
  const width = sql`${cover.widthMs}::float8 * interval '1 millisecond'`
  const column = sql(kept.column)
  const bin = (of: PendingQuery<Row[]>) => sql`date_bin(${width}, ${of}, '2000-01-01Z')`
  const isPacked = typeof cover.packed === "string"
  const packed = isPacked
    ? sql`left join ${sql(cover.packed ?? "")} p
        on p.provider_id = r.provider_id and p.hour = date_trunc('hour', r.bucket, 'UTC')
          and p.hour >= ${from} and p.hour < ${to}`
    : sql``
  // A packed hour of aggregates is one row: it knows how many samples it has of the hour as a whole.
  const inPacked = isPacked ? sql`coalesce(p.samples, 0) >= r.in_hour` : sql`false`
  return sql`
    select r.provider_id, r.bucket
    from (
      select provider_id, bucket, rows, sum(rows) over (partition by provider_id, date_trunc('hour', bucket, 'UTC')) as in_hour
      from (
        select provider_id, ${bin(sql`${column}`)} as bucket, ${sql.unsafe(cover.counting)} as rows
        from ${sql(partition)} where ${column} >= ${from} and ${column} < ${to}
        group by 1, 2) counted) r
    left join (
      select provider_id, ${bin(sql`${sql(cover.column)}`)} as bucket, sum(${sql(cover.counted)}) as rows
      from ${sql(cover.table)} where ${sql(cover.column)} >= ${from} and ${sql(cover.column)} < ${to}
      group by 1, 2) c using (provider_id, bucket)
    ${packed}
    where coalesce(c.rows, 0) < r.rows and not (${inPacked})`
}

export interface ChunksDeleted {
  rows: number
  /** Stretches of one host and hour that had to stay. */
  refused: number
}

/**
 * Deletes what the default partition holds from before the window, one host and hour at a time and each in a
 * statement of its own, which sees rows, marks and aggregates as of one moment.
 */
export async function deleteExpiredRows(
  sql: Sql,
  { kept, beforeMs }: { kept: KeptTable; beforeMs: number },
  signal: AbortSignal,
): Promise<ChunksDeleted> {
  const { table, column, cover } = kept
  const place = `${table}_default`
  const done: ChunksDeleted = { rows: 0, refused: 0 }
  const chunks = await sql<{ provider_id: string; hour: Instant }[]>`
    select provider_id, date_trunc('hour', ${sql(column)}, 'UTC') as hour from ${sql(place)}
    where ${sql(column)} < ${instantOf(Math.floor(beforeMs / HOUR_MS) * HOUR_MS)}
    group by 1, 2 order by 2, 1`
  for (const { provider_id, hour } of chunks) {
    if (signal.aborted) break
    const span = { fromMs: epochMsOf(hour), toMs: epochMsOf(hour) + HOUR_MS }
    const [from, to] = [instantOf(span.fromMs), instantOf(span.toMs)]
    const allowed =
      cover === null
        ? sql`true`
        : sql`not exists (
            select from ${sql(cover.marks.table)}
            where provider_id = ${provider_id}
              and ${sql(cover.marks.column)} >= ${from} and ${sql(cover.marks.column)} < ${to})
          and not exists (
            select from (${uncovered(sql, { kept, cover, partition: place, span })}) u
            where u.provider_id = ${provider_id})`
    const deleted = await sql`
      delete from ${sql(place)}
      where provider_id = ${provider_id} and ${sql(column)} >= ${from} and ${sql(column)} < ${to} and ${allowed}`
    done.rows += deleted.count
    if (deleted.count > 0) continue
    done.refused++
    if (cover) await markUncovered(sql, { kept, cover, partition: place, span })
  }
  return done
}
