import type { DirtyBuckets, StoredPartition, StoredTable } from "@boocontrol/shared/retention"
import { instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { Sql } from "../../platform/postgres.ts"
import { spanOfBound } from "../core/partitions.ts"
import type { Tier } from "../ports.ts"
import { countDefaultRows } from "./partitions.ts"

interface Relation {
  name: string
  bound: string | null
  bytes: number
  rows: number
}

/** Size, rows and parts of each table, as Postgres knows them without reading it. */
export async function tableSizes(
  sql: Sql,
  tables: readonly { table: string; keepDays: number | null }[],
): Promise<StoredTable[]> {
  const names = tables.map(({ table }) => table)
  const rows = await sql<(Relation & { parent: string; partitioned: boolean })[]>`
    select t.name as parent, p.relkind = 'p' as partitioned, c.oid::regclass::text as name,
      pg_get_expr(c.relpartbound, c.oid) as bound, pg_total_relation_size(c.oid) as bytes,
      c.reltuples::bigint as rows
    from unnest(${names}::text[]) as t(name)
    join pg_class p on p.oid = to_regclass(t.name)
    join pg_class c on c.oid = p.oid and p.relkind <> 'p'
      or c.oid in (select inhrelid from pg_inherits where inhparent = p.oid)`
  return await Promise.all(
    tables.map(async ({ table, keepDays }) => {
      const own = rows.filter(({ parent }) => parent === table)
      const isPartitioned = own.some(({ partitioned }) => partitioned)
      const partitions = own.map(partitionOf).sort(byFrom)
      return {
        table,
        bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
        rows_estimate: sumOrNull(partitions.map((partition) => partition.rows_estimate)),
        keep_days: keepDays,
        from: partitions.find(({ from }) => from !== null)?.from ?? null,
        to: partitions.findLast(({ to }) => to !== null)?.to ?? null,
        default_rows: isPartitioned ? await countDefaultRows(sql, table) : null,
        partitions: isPartitioned ? partitions : [],
      }
    }),
  )
}

function partitionOf({ name, bound, bytes, rows }: Relation): StoredPartition {
  const span = bound === null ? null : spanOfBound(bound)
  return {
    name,
    from: span && instantOf(span.fromMs),
    to: span && instantOf(span.toMs),
    bytes,
    // -1: never counted. An empty one is counted by its size.
    rows_estimate: rows >= 0 ? rows : null,
  }
}

// The default one last.
function byFrom(a: StoredPartition, b: StoredPartition): number {
  return (a.from ?? "9999") < (b.from ?? "9999") ? -1 : 1
}

/** The sum of what is known; null where nothing is. */
function sumOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
}

export async function databaseBytes(sql: Sql): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`select pg_database_size(current_database()) as bytes`
  return row?.bytes ?? 0
}

export async function captureBytes(sql: Sql): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`
    select coalesce(sum(pg_column_size(capture)), 0) as bytes from control_requests where capture is not null`
  return row?.bytes ?? 0
}

/**
 * Aggregates that wait to be computed, by tier; hours of requests as `requests`. What is open still, or was marked just
 * now, does not wait.
 */
export async function dirtyBuckets(sql: Sql, tiers: readonly Tier[]): Promise<DirtyBuckets[]> {
  const widths = tiers.map(({ tier, widthMs, openMs }) => ({
    tier,
    width: widthMs / 1000,
    open: openMs / 1000,
  }))
  const seconds = sql`interval '1 second'`
  return await sql<{ tier: string; waiting: number; oldest: Instant | null }[]>`
    select d.tier, count(*) as waiting, min(d.bucket) as oldest
    from control_dirty_buckets d
    join json_to_recordset(${sql.json(widths)}::json) as t(tier text, width float8, open float8) on t.tier = d.tier
    where greatest(d.marked_at, least(d.bucket + t.width * ${seconds}, d.marked_at + t.open * ${seconds}))
      < clock_timestamp() - interval '30 seconds'
    group by d.tier
    union all
    select 'requests', count(*), min(hour) from control_dirty_request_hours
    where hour < clock_timestamp() - interval '62 minutes' having count(*) > 0
    order by tier`
}
