import * as z from "zod/mini"
import type { HostId } from "@boocontrol/shared/ids"
import type { PerfTier } from "@boocontrol/shared/telemetry"
import { Instant, epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Sql } from "../../platform/postgres.ts"
import { HOUR_MS, packedTier } from "../core/packing/tables.ts"
import { bucketOf, tableOf } from "../core/tiers.ts"

const Json = z.unknown()
const SampleRow = z.object({
  ...{
    provider_id: z.string(),
    ts: Instant,
    source: z.string(),
    backfilled: z.boolean(),
    gpu: Json,
    sys: Json,
  },
})
const BucketRow = z.object({
  ...{ provider_id: z.string(), bucket: Instant, samples: z.int(), backfilled: z.int() },
  ...{ seconds: z.nullable(z.int()), gpu_agg: Json, sys_agg: Json },
})
export type PerfExportRow = z.infer<typeof SampleRow> | z.infer<typeof BucketRow>

export interface ExportRange {
  from: Instant
  to: Instant
  hosts: readonly HostId[] | null
}

const ROWS_AT_ONCE = 1_000
/** What is packed is unpacked and sorted for so long at a time: a second per row, or at least ten. */
const RAW_SPAN_MS = HOUR_MS
const TIER_SPAN_MS = 24 * HOUR_MS

export function exportColumns(tier: PerfTier): string[] {
  return Object.keys(tier === "raw" ? SampleRow.shape : BucketRow.shape)
}

/** All samples or buckets of a range, oldest first, a span at a time: memory stays flat, packed or not. */
export async function* exportPerf(
  sql: Sql,
  tier: PerfTier,
  range: ExportRange,
): AsyncGenerator<PerfExportRow[]> {
  const [time, row, spanMs] =
    tier === "raw"
      ? (["ts", SampleRow, RAW_SPAN_MS] as const)
      : (["bucket", BucketRow, TIER_SPAN_MS] as const)
  const { source, isPacked } = placeOf(tier)
  const bounds = await boundsOf(sql, tier, range)
  if (bounds === null) return
  for (let atMs = bucketOf(bounds.fromMs, HOUR_MS); atMs < bounds.toMs; atMs += spanMs) {
    const [first, end] = [instantOf(atMs), instantOf(atMs + spanMs)]
    const rows = sql`
      select ${sql(exportColumns(tier))} from ${sql(source)}
      where ${sql(time)} >= greatest(${first}::timestamptz, ${range.from}) and ${sql(time)} < least(${end}::timestamptz, ${range.to})
        ${isPacked ? sql`and hour >= ${first} and hour < ${end}` : sql``}
        ${range.hosts ? sql`and provider_id = any(${[...range.hosts]}::text[])` : sql``}
      order by ${sql(time)}, provider_id`
    for await (const some of rows.cursor(ROWS_AT_ONCE)) yield some.map((one) => row.parse(one))
  }
}

function placeOf(tier: PerfTier): { source: string; isPacked: boolean } {
  const table = tableOf(tier)
  const isPacked = packedTier(tier) !== undefined
  return { source: isPacked ? `${table}_all` : table, isPacked }
}

/** Where there is something at all: a range of years must not ask for each of its hours. */
async function boundsOf(
  sql: Sql,
  tier: PerfTier,
  { from, to }: ExportRange,
): Promise<{ fromMs: number; toMs: number } | null> {
  const time = tier === "raw" ? "ts" : "bucket"
  const packed = packedTier(tier)?.packed
  const [found] = await sql`
    select least(a.first, p.first) as first, greatest(a.last, p.last) as last
    from (select min(${sql(time)}) as first, max(${sql(time)}) as last from ${sql(tableOf(tier))}
      where ${sql(time)} >= ${from} and ${sql(time)} < ${to}) a
    cross join (${
      packed === undefined
        ? sql`select null::timestamptz as first, null::timestamptz as last`
        : sql`select min(first_at) as first, max(last_at) as last from ${sql(packed)}
            where hour > ${from}::timestamptz - interval '1 hour' and hour < ${to}`
    }) p`
  const { first, last } = z.object({ first: z.nullable(Instant), last: z.nullable(Instant) }).parse(found)
  if (first === null || last === null) return null
  return {
    fromMs: Math.max(epochMsOf(first), epochMsOf(from)),
    toMs: Math.min(epochMsOf(last) + 1, epochMsOf(to)),
  }
}
