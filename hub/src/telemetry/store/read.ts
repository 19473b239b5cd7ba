import type { HostId } from "@boocontrol/shared/ids"
import { SampleSource } from "@boocontrol/shared/telemetry"
import type { PerfTier } from "@boocontrol/shared/telemetry"
import { Instant, epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import { Bucket, StoredSample, bucketOfSample } from "../core/aggregate.ts"
import { EVERY_MS } from "../core/coverage.ts"
import type { Reading } from "../core/series.ts"
import { ROLLUPS, widthOf } from "../core/tiers.ts"

export interface ReadingsWanted {
  host: HostId
  tier: PerfTier
  fromMs: number
  toMs: number
}

const SampleRow = z.extend(StoredSample, { ts: Instant, source: SampleSource })
const BucketRow = z.extend(Bucket, { bucket: Instant })

/** What is stored of a host in a range, oldest first. */
export async function readReadings(sql: Sql, wanted: ReadingsWanted): Promise<Reading[]> {
  const rows = await readingsQuery(sql, wanted)
  return wanted.tier === "raw"
    ? rows.map(readingOfSample)
    : rows.map((row) => readingOfBucket(row, wanted.tier))
}

/** The statement, so that a test can look at its plan. */
export function readingsQuery(sql: Sql, { host, tier, fromMs, toMs }: ReadingsWanted): PendingQuery<Row[]> {
  const from = instantOf(fromMs)
  const to = instantOf(toMs)
  const rollup = ROLLUPS.find((candidate) => candidate.tier === tier)
  if (!rollup) {
    return sql`
      select ts, gpu, sys, source, backfilled from control_perf_samples
      where provider_id = ${host} and ts >= ${from} and ts < ${to}
      order by ts`
  }
  // A bucket that began before the range reaches into it.
  return sql`
    select bucket, samples, backfilled, gpu_agg, sys_agg from ${sql(rollup.table)}
    where provider_id = ${host} and bucket > ${instantOf(fromMs - rollup.widthMs)} and bucket < ${to}
    order by bucket`
}

function readingOfSample(row: Row): Reading {
  const sample = SampleRow.parse(row)
  const startMs = epochMsOf(sample.ts)
  const { backfilled } = sample
  return { startMs, endMs: startMs + EVERY_MS[sample.source], backfilled, bucket: bucketOfSample(sample) }
}

function readingOfBucket(row: Row, tier: PerfTier): Reading {
  const { bucket: start, ...bucket } = BucketRow.parse(row)
  const startMs = epochMsOf(start)
  return { startMs, endMs: startMs + widthOf(tier), backfilled: bucket.backfilled > 0, bucket }
}
