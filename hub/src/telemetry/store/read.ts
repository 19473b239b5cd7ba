import type { HostId } from "@boocontrol/shared/ids"
import { SampleSource } from "@boocontrol/shared/telemetry"
import type { PerfTier } from "@boocontrol/shared/telemetry"
import { Instant, epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import { bucketOfSample } from "../core/aggregate.ts"
import type { Bucket, StoredSample } from "../core/aggregate.ts"
import { EVERY_MS } from "../core/coverage.ts"
import { unpackChunk } from "../core/packing/chunk.ts"
import type { ChunkHead } from "../core/packing/chunk.ts"
import { HOUR_MS, packedTier } from "../core/packing/tables.ts"
import type { Reading } from "../core/series.ts"
import { ROLLUPS, bucketOf, widthOf } from "../core/tiers.ts"

export interface ReadingsWanted {
  host: HostId
  tier: PerfTier
  fromMs: number
  toMs: number
}

// Readings and aggregates were parsed when they were stored. To look at each of a hundred thousand numbers again takes
// longer than all the rest.
const asStored = <T>() => z.custom<T>((value) => value === null || typeof value === "object")
const SampleRow = z.object({
  ts: Instant,
  gpu: asStored<StoredSample["gpu"]>(),
  sys: asStored<StoredSample["sys"]>(),
  source: SampleSource,
  backfilled: z.boolean(),
})
const BucketRow = z.object({
  bucket: Instant,
  samples: z.int(),
  backfilled: z.int(),
  gpu_agg: asStored<Bucket["gpu_agg"]>(),
  sys_agg: asStored<Bucket["sys_agg"]>(),
})
const PackedRow = z.object({ head: asStored<ChunkHead>(), body: z.instanceof(Uint8Array) })

/** From so many rows on, writing them as text is what Postgres takes longest for: two of its processes share it. */
const SHARED_FROM_ROWS = 120

/** What is stored of a host in a range, oldest first. */
export async function readReadings(sql: Sql, wanted: ReadingsWanted): Promise<Reading[]> {
  const readings: Reading[] = []
  await readEach(sql, wanted, (reading) => readings.push(reading))
  return readings.sort((a, b) => a.startMs - b.startMs)
}

/** The same, one by one as they come and in no order. */
export async function readEach(
  sql: Sql,
  wanted: ReadingsWanted,
  take: (reading: Reading) => unknown,
): Promise<void> {
  await Promise.all(
    partsOf(wanted).map((part) =>
      readingsQuery(sql, part).forEach((row) => {
        if (row["head"] === null) take(readingOf(row, part.tier))
        else for (const reading of packedReadings(row, part)) take(reading)
      }),
    ),
  )
}

/** Each moment lies in one part, so that it is seen once, whatever is packed between the statements. */
function partsOf(wanted: ReadingsWanted): ReadingsWanted[] {
  const { tier, fromMs, toMs } = wanted
  const rows = (toMs - fromMs) / widthOf(tier)
  const middleMs = (fromMs + toMs) / 2
  // At an hour where there are several, so that no packed one is read twice.
  const cutMs = bucketOf(middleMs, toMs - fromMs > 2 * HOUR_MS ? HOUR_MS : widthOf(tier))
  if (rows < SHARED_FROM_ROWS || cutMs <= fromMs) return [wanted]
  return [
    { ...wanted, toMs: cutMs },
    { ...wanted, fromMs: cutMs },
  ]
}

/** The statement, so that a test can look at its plan. One for rows and packed hours: it sees each moment once. */
export function readingsQuery(sql: Sql, { host, tier, fromMs, toMs }: ReadingsWanted): PendingQuery<Row[]> {
  const to = instantOf(toMs)
  const rollup = ROLLUPS.find((candidate) => candidate.tier === tier)
  const packed = packedTier(tier)?.packed
  const packedRows = (nothing: string) =>
    packed === undefined
      ? sql``
      : sql`
          union all
          select hour, ${sql.unsafe(nothing)}, head, body from ${sql(packed)}
          where provider_id = ${host} and hour > ${instantOf(fromMs - HOUR_MS)} and hour < ${to}`
  if (!rollup) {
    return sql`
      select ts, gpu, sys, source, backfilled, null::json as head, null::bytea as body from control_perf_samples
      where provider_id = ${host} and ts >= ${instantOf(fromMs)} and ts < ${to}
      ${packedRows("null, null, null, null")}`
  }
  // A bucket that began before the range reaches into it.
  return sql`
    select bucket, samples, backfilled, gpu_agg, sys_agg, null::json as head, null::bytea as body
    from ${sql(rollup.table)}
    where provider_id = ${host} and bucket > ${instantOf(fromMs - rollup.widthMs)} and bucket < ${to}
    ${packedRows("null, null, null, null")}`
}

function readingOf(row: Row, tier: PerfTier): Reading {
  if (tier === "raw") {
    const sample = SampleRow.parse(row)
    const startMs = epochMsOf(sample.ts)
    const { backfilled } = sample
    return { startMs, endMs: startMs + EVERY_MS[sample.source], backfilled, bucket: bucketOfSample(sample) }
  }
  const { bucket: start, ...bucket } = BucketRow.parse(row)
  const startMs = epochMsOf(start)
  return { startMs, endMs: startMs + widthOf(tier), backfilled: bucket.backfilled > 0, bucket }
}

/** Of a packed hour what lies in the range. */
function packedReadings(row: Row, { tier, fromMs, toMs }: ReadingsWanted): Reading[] {
  // Of a bucket that began before the range its end lies in it.
  const reachMs = tier === "raw" ? 0 : widthOf(tier) - 1
  const isWithin = (micros: number) => micros / 1_000 + reachMs >= fromMs && micros / 1_000 < toMs
  return unpackChunk(PackedRow.parse(row), { key: "t", keep: isWithin }).flatMap((doc) => {
    const { t, g = null, y = null, ...rest } = doc as Record<string, unknown>
    if (typeof t !== "number" || !isWithin(t)) return []
    const at = instantOf(Math.floor(t / 1_000))
    return tier === "raw"
      ? readingOf({ ts: at, gpu: g, sys: y, source: rest["o"], backfilled: rest["b"] }, tier)
      : readingOf({ bucket: at, samples: rest["n"], backfilled: rest["f"], gpu_agg: g, sys_agg: y }, tier)
  })
}
