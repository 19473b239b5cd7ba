import { setImmediate } from "node:timers/promises"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import * as z from "zod/mini"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import { chunkPacker } from "../core/packing/chunk.ts"
import type { Chunk, Json } from "../core/packing/chunk.ts"
import { HOUR_MS } from "../core/packing/tables.ts"
import type { PackedTier } from "../core/packing/tables.ts"
import { ROLLUPS } from "../core/tiers.ts"
import { hourLock, unpackHour, unpackedRows } from "./hours.ts"

/** `busy`: somebody writes to it now. `not yet`: not aggregated, came too lately, or what it was made of is not packed. */
export type PackOutcome = "packed" | "busy" | "not yet" | "nothing"

// A type and not an interface, because only that is a JSON value to the compiler.
export type HostHour = {
  provider_id: string
  hour: Instant
}

/** Hours within a span of which a tier has rows, oldest first. Those that aggregates know: what is not aggregated stays. */
export async function hoursToPack(
  sql: Sql,
  { table, column }: PackedTier,
  { fromMs, toMs, limit }: { fromMs: number; toMs: number; limit: number },
): Promise<HostHour[]> {
  const [from, to] = [instantOf(fromMs), instantOf(toMs)]
  return await sql<HostHour[]>`
    select h.provider_id, h.bucket as hour from control_perf_rollup_1h h
    where h.bucket >= ${from} and h.bucket < ${to} and exists (
      select from ${sql(table)} r
      where r.provider_id = h.provider_id
        and r.${sql(column)} >= h.bucket and r.${sql(column)} < h.bucket + interval '1 hour'
        and r.${sql(column)} >= ${from} and r.${sql(column)} < ${to})
    order by h.bucket, h.provider_id limit ${limit}`
}

// Rows taken into the packer in one turn of the event loop.
const ROWS_AT_ONCE = 100

/**
 * Packs one hour of one host: in one transaction its rows go and the packed row comes, so that every other one sees
 * the one or the other. Only rows that Postgres itself finds again in the packed row, all alike, are deleted; is there
 * one that is not, nothing happened.
 */
export async function packHour(
  sql: Sql,
  tier: PackedTier,
  { provider_id, hour, afterMs }: HostHour & { afterMs: number },
): Promise<PackOutcome> {
  return await sql.begin(async (tx): Promise<PackOutcome> => {
    // Never waits, so it cannot be part of a deadlock: who writes to the hour goes first.
    const [lock] = await tx<{ held: boolean }[]>`
      select pg_try_advisory_xact_lock(${hourLock(tx, tier)}) as held
      from (select ${provider_id}::text as provider_id, ${hour}::timestamptz as hour) h`
    if (lock?.held !== true) return "busy"
    const [rest] =
      await tx`select from ${tx(tier.table)} where ${within(tx, tier.column, { provider_id, hour })} limit 1`
    if (!rest) return "nothing"
    if (!(await isDone(tx, tier, { provider_id, hour, afterMs }))) return "not yet"
    await unpackHour(tx, tier, { provider_id, hour })
    const packer = chunkPacker()
    let rows = 0
    for await (const some of rowsOf(tx, tier, { provider_id, hour }).cursor(ROWS_AT_ONCE)) {
      for (const row of some) packer.add(documentOf(row))
      rows += some.length
    }
    await replace(tx, tier, { provider_id, hour, chunk: await inTurns(packer.packing()), rows })
    return "packed"
  })
}

/** A column of an hour takes milliseconds, and there are dozens: what else the hub has to do comes between them. */
async function inTurns<T>(steps: Generator<void, T>): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    await setImmediate()
  }
}

interface Asked {
  provider_id: string
  hour: Instant
}

function within(tx: TransactionSql, column: string, { provider_id, hour }: Asked): PendingQuery<Row[]> {
  const end = instantOf(epochMsOf(hour) + HOUR_MS)
  return tx`provider_id = ${provider_id} and ${tx(column)} >= ${hour} and ${tx(column)} < ${end}`
}

const Done = z.object({ done: z.boolean() })

/**
 * Whether nothing about the hour is open any more: no bucket is dirty, the coarser tier knows every sample, the finer
 * one is packed, and samples came long enough ago that no more are to be expected.
 */
async function isDone(
  tx: TransactionSql,
  { table, column, finer, coarser }: PackedTier,
  { afterMs, ...asked }: Asked & { afterMs: number },
): Promise<boolean> {
  const rollup = ROLLUPS.find(({ tier }) => tier === coarser)
  const above = rollup?.table ?? ""
  const abovePacked = rollup?.packed ?? null
  const [row] = await tx`
    select not exists (select from control_dirty_buckets where ${within(tx, "bucket", asked)})
      and ${
        finer === null
          ? tx`coalesce((
              select max(created_at) <= clock_timestamp() - ${afterMs}::float8 * interval '1 millisecond'
              from ${tx(table)} where ${within(tx, column, asked)}), true)`
          : tx`not exists (
              select from ${tx(finer)}
              where ${within(tx, finer === "control_perf_samples" ? "ts" : "bucket", asked)})`
      }
      and (select coalesce(${tx.unsafe(finer === null ? "count(*)" : "sum(samples)")}, 0)
          from ${tx(table)} where ${within(tx, column, asked)})
        <= (select coalesce(sum(samples), 0) from ${tx(above)} where ${within(tx, "bucket", asked)})
          + ${
            abovePacked === null
              ? tx`0`
              : tx`(select coalesce(sum(samples), 0) from ${tx(abovePacked)} where ${within(tx, "hour", asked)})`
          } as done`
  return Done.parse(row).done
}

function rowsOf(tx: TransactionSql, tier: PackedTier, asked: Asked): PendingQuery<Row[]> {
  const micros = (column: string) => tx`(extract(epoch from ${tx(column)}) * 1000000)::bigint`
  // JSON as text: no value at all is told from JSON's null.
  return tier.tier === "raw"
    ? tx`
        select ${micros("ts")} as t, gpu::text as g, sys::text as y, source as o, backfilled as b, boot as u, seq as q,
          ${micros("created_at")} as c
        from ${tx(tier.table)} where ${within(tx, "ts", asked)} order by ts`
    : tx`
        select ${micros("bucket")} as t, samples as n, backfilled as f, seconds as s, gpu_agg::text as g,
          sys_agg::text as y
        from ${tx(tier.table)} where ${within(tx, "bucket", asked)} order by bucket`
}

/** A row as the document that is packed, with a letter for each column, as the migration unpacks it. */
function documentOf({ g, y, ...row }: Row): Json {
  return {
    ...(row as Record<string, Json>),
    ...(typeof g === "string" && { g: JSON.parse(g) as Json }),
    ...(typeof y === "string" && { y: JSON.parse(y) as Json }),
  }
}

interface Replacement extends Asked {
  chunk: Chunk
  rows: number
}

async function replace(
  tx: TransactionSql,
  tier: PackedTier,
  { chunk: { head, body }, rows, ...asked }: Replacement,
): Promise<void> {
  const { provider_id, hour } = asked
  const isRaw = tier.tier === "raw"
  const column = tx(tier.column)
  await tx`
    insert into ${tx(tier.packed)} (provider_id, hour, rows, samples, first_at, last_at, head, body)
    select ${provider_id}, ${hour}, ${rows}, ${isRaw ? tx`count(*)` : tx`sum(samples)`}, min(${column}), max(${column}),
      ${JSON.stringify(head)}::text::json, ${Buffer.from(body)}
    from ${tx(tier.table)} where ${within(tx, tier.column, asked)}`
  const rest = tx.unsafe(
    isRaw
      ? "gpu, sys, source, backfilled, boot, seq, created_at"
      : "samples, backfilled, seconds, gpu_agg::jsonb, sys_agg::jsonb",
  )
  const deleted = await tx`
    with kept as materialized (
      select ${column}, row(${rest}) as rest
      from (select head, body from ${tx(tier.packed)} where provider_id = ${provider_id} and hour = ${hour}) p
      cross join lateral ${unpackedRows(tx, tier)}
    )
    delete from ${tx(tier.table)} r using kept
    where ${within(tx, `r.${tier.column}`, asked)} and r.${column} = kept.${column}
      and row(${rest}) is not distinct from kept.rest`
  if (deleted.count !== rows)
    throw new Error(
      `${rows} rows of ${tier.table} came out of packing as ${deleted.count} (${provider_id}, ${hour})`,
    )
}
