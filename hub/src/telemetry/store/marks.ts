import type { HostId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import type { TransactionSql } from "../../platform/postgres.ts"
import { bucketOf } from "../core/tiers.ts"
import type { Rollup } from "../core/tiers.ts"

export interface Marks {
  /** What changed: its host and a time within its bucket. */
  marks: readonly { provider_id: HostId; atMs: number }[]
  nowMs: number
}

/**
 * Notes, in the transaction of the change, that buckets of a tier have to be computed.
 *
 * A mark that is there is updated rather than left, which holds its lock until the commit: a hub that is about to
 * compute the bucket passes it by, instead of taking the mark away without seeing this change.
 */
export async function markBuckets(
  tx: TransactionSql,
  { tier, widthMs }: Rollup,
  { marks, nowMs }: Marks,
): Promise<void> {
  const wanted = new Map<string, { provider_id: HostId; bucket: string }>()
  for (const { provider_id, atMs } of marks) {
    const startMs = bucketOf(atMs, widthMs)
    const key = `${startMs} ${provider_id}`
    if (!wanted.has(key)) wanted.set(key, { provider_id, bucket: instantOf(startMs) })
  }
  if (wanted.size === 0) return
  // In one order everywhere, so that two hubs cannot wait for each other.
  const order = ({ bucket, provider_id }: { provider_id: HostId; bucket: string }) =>
    `${bucket} ${provider_id}`
  const ordered = [...wanted.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1))
  await tx`
    insert into control_dirty_buckets as d (tier, bucket, provider_id, marked_at)
    select ${tier}, bucket, provider_id, ${instantOf(nowMs)}
    from json_to_recordset(${tx.json(ordered)}::json) as r(bucket timestamptz, provider_id text)
    on conflict (tier, bucket, provider_id) do update set marked_at = least(d.marked_at, excluded.marked_at)`
}
