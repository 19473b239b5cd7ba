import type { Sql, TransactionSql } from "../platform/postgres.ts"
import { partitionOf } from "./core.ts"
import type { PartitionedTable } from "./core.ts"

/**
 * Makes the partition of one day, and moves into it what the default partition holds of that day. Several hubs may
 * do so at once. Attaching, unlike creating in place, lets others read and write the table meanwhile.
 */
export async function createPartition(sql: Sql, table: PartitionedTable, day: number): Promise<void> {
  const { name, from, to } = partitionOf(table, day)
  await sql.begin(async (tx) => {
    await tx`set local lock_timeout = '5s'`
    await tx`select pg_advisory_xact_lock(hashtextextended(${`partition ${table}`}, 0))`
    if (await exists(tx, name)) return
    // Names come from the table above and a date, times from a date: nothing here was given by anyone.
    await tx.unsafe(`create table ${name} (like ${table} including defaults including constraints)`)
    await tx.unsafe(`
      with moved as (delete from ${table}_default where ts >= '${from}' and ts < '${to}' returning *)
      insert into ${name} select * from moved`)
    await tx.unsafe(`alter table ${table} attach partition ${name} for values from ('${from}') to ('${to}')`)
  })
}

async function exists(tx: TransactionSql, name: string): Promise<boolean> {
  const [row] = await tx<{ exists: boolean }[]>`select to_regclass(${name}) is not null as exists`
  return row?.exists === true
}

/** Rows that have no partition of their own. */
export async function countDefaultRows(sql: Sql, table: PartitionedTable): Promise<number> {
  const [row] = await sql<{ rows: number }[]>`select count(*) as rows from ${sql(`${table}_default`)}`
  return row?.rows ?? 0
}
