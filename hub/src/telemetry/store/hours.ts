import { instantOf } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import type { TransactionSql } from "../../platform/postgres.ts"
import { HOUR_MS, MAY_BE_PACKED_MS } from "../core/packing/tables.ts"
import type { PackedTier } from "../core/packing/tables.ts"
import { bucketOf } from "../core/tiers.ts"

export interface HostMoment {
  provider_id: string
  atMs: number
}

/**
 * Has the hours that a transaction is about to add to, or to compute from, as rows: what is packed of them comes back
 * into the table. They stay so until its end. To be called before anything else in the transaction is locked. Resolves
 * to how many of them were packed.
 */
export async function openHours(
  tx: TransactionSql,
  tier: PackedTier,
  { moments, nowMs }: { moments: readonly HostMoment[]; nowMs: number },
): Promise<number> {
  const hours = new Map<string, { provider_id: string; hour: string }>()
  for (const { provider_id, atMs } of moments) {
    if (atMs > nowMs - MAY_BE_PACKED_MS) continue
    const hour = instantOf(bucketOf(atMs, HOUR_MS))
    hours.set(`${provider_id} ${hour}`, { provider_id, hour })
  }
  if (hours.size === 0) return 0
  // In one order everywhere. Shared: those who add rows need not wait for each other.
  const ordered = [...hours].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, hour]) => hour)
  const list = tx`json_to_recordset(${tx.json(ordered)}::json) as h(provider_id text, hour timestamptz)`
  await tx`
    select pg_advisory_xact_lock_shared(${hourLock(tx, tier)})
    from ${list} order by h.provider_id, h.hour`
  const packed = await tx<{ provider_id: string; hour: string }[]>`
    select p.provider_id, p.hour from ${list} join ${tx(tier.packed)} p using (provider_id, hour)
    order by provider_id, hour`
  for (const { provider_id, hour } of packed) await unpackHour(tx, tier, { provider_id, hour })
  return packed.length
}

/** Of a row `h` with provider_id and hour. */
export function hourLock(tx: TransactionSql, { table }: PackedTier): PendingQuery<Row[]> {
  return tx`hashtextextended(${`pack ${table} `} || h.provider_id || ' ' || extract(epoch from h.hour)::bigint, 0)`
}

/** Puts the rows of a packed hour back. Who comes second waits for the first one's commit, and finds nothing to do. */
export async function unpackHour(
  tx: TransactionSql,
  tier: PackedTier,
  { provider_id, hour }: { provider_id: string; hour: string },
): Promise<void> {
  const columns = tx.unsafe(
    tier.tier === "raw"
      ? "ts, gpu, sys, source, backfilled, boot, seq, created_at"
      : "bucket, samples, backfilled, seconds, gpu_agg, sys_agg",
  )
  await tx`
    with taken as (
      delete from ${tx(tier.packed)} where provider_id = ${provider_id} and hour = ${hour} returning head, body
    )
    insert into ${tx(tier.table)} (provider_id, ${columns})
    select ${provider_id}, ${columns} from taken cross join lateral ${unpackedRows(tx, tier)}
    on conflict do nothing`
}

/** The rows of `head` and `body`, whatever is in scope by these names. */
export function unpackedRows(tx: TransactionSql, { tier }: PackedTier): PendingQuery<Row[]> {
  return tier === "raw" ? tx`control_unpacked_samples(head, body)` : tx`control_unpacked_buckets(head, body)`
}
