import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { sqlStateOf } from "../../platform/postgres.ts"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import { partitionName, slotOf, spanOfBound } from "../core/partitions.ts"
import type { Span } from "../core/partitions.ts"
import type { KeptTable } from "../core/tables.ts"

/**
 * Makes the partition of one stretch, and moves into it what the default partition holds of it. Several hubs may
 * do so at once. Attaching, unlike creating in place, lets others read and write the table meanwhile.
 * Resolves to the number of rows moved, null where the partition was there.
 */
export async function createPartition(
  sql: Sql,
  { table, column, period }: KeptTable,
  slot: Span,
): Promise<number | null> {
  const name = partitionName(table, period, slot)
  const [from, to] = [instantOf(slot.fromMs), instantOf(slot.toMs)]
  return await sql.begin(async (tx) => {
    await tx`set local lock_timeout = '5s'`
    await tx`select pg_advisory_xact_lock(hashtextextended(${`partition ${table}`}, 0))`
    if (await exists(tx, name)) return null
    // Names come from the list of tables and a date, times from a date: nothing here was given by anyone.
    await tx.unsafe(`create table ${name} (like ${table} including defaults including constraints)`)
    const moved = await tx.unsafe(`
      with moved as (delete from ${table}_default where ${column} >= '${from}' and ${column} < '${to}' returning *)
      insert into ${name} select * from moved`)
    await tx.unsafe(`alter table ${table} attach partition ${name} for values from ('${from}') to ('${to}')`)
    return moved.count
  })
}

async function exists(tx: TransactionSql, name: string): Promise<boolean> {
  const [row] = await tx<{ exists: boolean }[]>`select to_regclass(${name}) is not null as exists`
  return row?.exists === true
}

/** Rows that have no partition of their own. */
export async function countDefaultRows(sql: Sql, table: string): Promise<number> {
  const [row] = await sql<{ rows: number }[]>`select count(*) as rows from ${sql(`${table}_default`)}`
  return row?.rows ?? 0
}

/** Stretches of which the default partition holds rows, oldest first. */
export async function defaultSlots(sql: Sql, { table, column, period }: KeptTable): Promise<Span[]> {
  const rows = await sql<{ at: Instant }[]>`
    select distinct date_trunc(${period}, ${sql(column)}, 'UTC') as at from ${sql(`${table}_default`)} order by 1`
  return rows.map(({ at }) => slotOf(period, epochMsOf(at)))
}

export interface Partition extends Span {
  name: string
}

/** Partitions with bounds of their own, oldest first. */
export async function listPartitions(sql: Sql, table: string): Promise<Partition[]> {
  const rows = await sql<{ name: string; bound: string }[]>`
    select c.oid::regclass::text as name, pg_get_expr(c.relpartbound, c.oid) as bound
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = ${table}::regclass`
  return rows
    .flatMap(({ name, bound }) => {
      const span = spanOfBound(bound)
      return span ? [{ name, ...span }] : []
    })
    .sort((a, b) => a.fromMs - b.fromMs)
}

const LOCK_NOT_AVAILABLE = "55P03"

/**
 * Gives back the space of a partition without rows, all of which were packed. Resolves to whether it has none. Not
 * while a transaction is open that began before the last of them was packed: it would find rows neither here nor there.
 */
export async function emptyPartition(
  sql: Sql,
  name: string,
  { packed, fromMs, toMs }: Span & { packed: string },
): Promise<boolean> {
  const [row] = await sql<{ bytes: number; has_rows: boolean }[]>`
    select pg_relation_size(${name}::regclass) as bytes, exists (select from ${sql(name)}) as has_rows`
  if (!row || row.has_rows) return false
  if (row.bytes === 0) return true
  try {
    return await sql.begin(async (tx) => {
      await tx`set local lock_timeout = '2s'`
      await tx.unsafe(`lock table ${name} in access exclusive mode`)
      const [now] = await tx<{ has_rows: boolean; is_read: boolean }[]>`
        select exists (select from ${tx(name)}) as has_rows, exists (
          select from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid() and xact_start <= (
            select max(packed_at) from ${tx(packed)}
            where hour >= ${instantOf(fromMs)} and hour < ${instantOf(toMs)})) as is_read`
      if (now?.has_rows !== false) return false
      if (!now.is_read) await tx.unsafe(`truncate ${name}`)
      return true
    })
  } catch (error) {
    if (sqlStateOf(error) === LOCK_NOT_AVAILABLE) return true
    throw error
  }
}
