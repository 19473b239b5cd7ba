import type { HostId } from "@boocontrol/shared/ids"
import { exactly } from "@boocontrol/shared/exact"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import * as z from "zod/mini"
import { columnLines, unnestLines } from "../../platform/column-lines.ts"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import { Bucket, StoredSample, addSample, bucketOfSample, mergeBuckets } from "../core/aggregate.ts"
import { gpuAverageText, sysAverageText } from "../core/average-text.ts"
import { SampledAt, coveredSeconds } from "../core/coverage.ts"
import type { Fresh, Sum } from "../core/fresh.ts"
import { packedTier } from "../core/packing/tables.ts"
import { ROLLUPS, tableOf } from "../core/tiers.ts"
import type { Rollup } from "../core/tiers.ts"
import { openHours } from "./hours.ts"
import { markBuckets } from "./marks.ts"

// A type and not an interface, because only that is a JSON value to the compiler.
type Mark = { provider_id: HostId; bucket: Instant }

/**
 * Buckets computed in one transaction: small enough that ingest never waits long for a mark, and that what is heard
 * meanwhile does not wait long either.
 */
const BATCH = 100

export interface RollUpPorts {
  sql: Sql
  fresh?: Fresh | undefined
}

/**
 * Computes buckets of one tier that were marked, from the next finer one, and marks the coarser ones they belong to.
 * Resolves to how many it took. Several hubs may do this at once: each takes other marks. Doing it again gives the
 * same bytes.
 */
export async function rollUp({ sql, fresh }: RollUpPorts, rollup: Rollup, nowMs: number): Promise<number> {
  const { taken, computed } = await sql.begin(async (tx) => {
    // What a crash of Postgres takes of this, it takes with the marks being gone: it is computed again.
    await tx`set local synchronous_commit = off`
    const marks = await takeMarks(tx, rollup, nowMs)
    if (marks.length === 0) return { taken: 0, computed: [] }
    const moments = marks.map(({ provider_id, bucket }) => ({ provider_id, atMs: epochMsOf(bucket) }))
    // What it is made of, and what is known of it already.
    for (const tier of [packedTier(rollup.from), packedTier(rollup.tier)])
      if (tier) await openHours(tx, tier, { moments, nowMs })
    const known = fresh ? await freshOnes(tx, { fresh, rollup, marks }) : []
    const isKnown = new Set(known.map(keyOf))
    const unknown = marks.filter((mark) => !isKnown.has(keyOf(mark)))
    const all = [...known, ...(await readOnes(tx, rollup, unknown))]
    await saveBuckets(tx, rollup, { computed: all, nowMs })
    return { taken: marks.length, computed: all }
  })
  if (rollup.from === "raw") fresh?.sums.add(computed.sort(byTime))
  return taken
}

function byTime(a: Mark, b: Mark): number {
  return a.bucket < b.bucket ? -1 : a.bucket > b.bucket ? 1 : 0
}

interface FreshWanted {
  fresh: Fresh
  rollup: Rollup
  marks: readonly Mark[]
}

/** Buckets of which this hub stored every sample: nothing is read but how many there are. */
async function freshOnes(tx: TransactionSql, { fresh, rollup, marks }: FreshWanted): Promise<(Mark & Sum)[]> {
  const { from, widthMs } = rollup
  const know = (host: HostId, startMs: number, stored: number): Sum | null => {
    if (from !== "raw") return fresh.sums.take(host, startMs, stored)
    const known = fresh.samples.take(host, startMs, stored)
    return known && { ...known.bucket, seconds: coveredSeconds(known.times, { startMs, widthMs }) }
  }
  if (from !== "raw" && from !== ROLLUPS[0].tier) return []
  return (await countSamples(tx, rollup, marks)).flatMap(({ provider_id, bucket, stored }) => {
    const known = know(provider_id, epochMsOf(bucket), stored)
    return known === null ? [] : [{ provider_id, bucket, ...known }]
  })
}

async function readOnes(tx: TransactionSql, rollup: Rollup, marks: readonly Mark[]): Promise<(Mark & Sum)[]> {
  if (marks.length === 0) return []
  const finer = new Map<string, { mark: Mark; rows: Row[] }>()
  for (const mark of marks) finer.set(keyOf(mark), { mark, rows: [] })
  for (const row of await finerRows(tx, rollup, marks)) finer.get(keyOf(row))?.rows.push(row)
  return [...finer.values()].flatMap(({ mark, rows }) => {
    const bucket = rollup.from === "raw" ? ofSamples(rows, mark, rollup) : ofBuckets(rows)
    // Its finer rows are past their retention: what was computed of them stays.
    return bucket === null ? [] : [{ ...mark, ...bucket }]
  })
}

function keyOf({ provider_id, bucket }: Mark): string {
  return `${provider_id} ${bucket}`
}

const Finer = z.extend(Bucket, { seconds: z.int() })
const isFiner = exactly(Finer)

/** What we wrote ourselves is as it should be, and a quick look sees it. */
function finerOf({ provider_id: _host, bucket: _start, ...row }: Row): z.infer<typeof Finer> {
  return isFiner(row) ? (row as z.infer<typeof Finer>) : Finer.parse(row)
}

function ofSamples(rows: readonly Row[], { bucket: start }: Mark, { widthMs }: Rollup): Sum | null {
  const [first, ...rest] = rows
  if (first === undefined) return null
  const bucket = bucketOfSample(StoredSample.parse(first))
  for (const row of rest) addSample(bucket, StoredSample.parse(row))
  const times = rows.map((row) => SampledAt.parse(row))
  return { ...bucket, seconds: coveredSeconds(times, { startMs: epochMsOf(start), widthMs }) }
}

function ofBuckets(rows: readonly Row[]): Sum | null {
  const finer = rows.map(finerOf)
  const bucket = mergeBuckets(finer)
  return bucket && { ...bucket, seconds: finer.reduce((sum, { seconds }) => sum + seconds, 0) }
}

async function takeMarks(
  tx: TransactionSql,
  { tier, widthMs, openMs }: Rollup,
  nowMs: number,
): Promise<Mark[]> {
  return await tx<Mark[]>`
    delete from control_dirty_buckets d
    using (
      select tier, bucket, provider_id from control_dirty_buckets
      where tier = ${tier}
        and (bucket <= ${instantOf(nowMs - widthMs)} or marked_at <= ${instantOf(nowMs - openMs)})
      order by bucket, provider_id limit ${BATCH}
      for update skip locked
    ) taken
    where d.tier = taken.tier and d.bucket = taken.bucket and d.provider_id = taken.provider_id
    returning d.provider_id, d.bucket`
}

function countSamples(
  tx: TransactionSql,
  { from, widthMs }: Rollup,
  marks: readonly Mark[],
): PendingQuery<(Mark & { stored: number })[]> {
  const width = tx`${widthMs}::float8 * interval '1 millisecond'`
  const finer =
    from === "raw"
      ? tx`select count(*)::int from control_perf_samples where ts >= m.bucket and ts < m.bucket + ${width}`
      : tx`select coalesce(sum(samples), 0)::int from ${tx(tableOf(from))}
          where bucket >= m.bucket and bucket < m.bucket + ${width}`
  return tx<(Mark & { stored: number })[]>`
    select m.provider_id, m.bucket, (${finer} and provider_id = m.provider_id) as stored
    from json_to_recordset(${tx.json([...marks])}::json) as m(provider_id text, bucket timestamptz)`
}

function finerRows(tx: TransactionSql, rollup: Rollup, marks: readonly Mark[]): PendingQuery<(Row & Mark)[]> {
  const { from, widthMs } = rollup
  const recordset = tx`json_to_recordset(${tx.json([...marks])}::json) as m(provider_id text, bucket timestamptz)`
  const width = tx`${widthMs}::float8 * interval '1 millisecond'`
  if (from === "raw") {
    return tx<(Row & Mark)[]>`
      select m.provider_id, m.bucket, s.ts, s.source, s.gpu, s.sys, s.backfilled
      from ${recordset} cross join lateral (
        select ts, source, gpu, sys, backfilled from control_perf_samples
        where provider_id = m.provider_id and ts >= m.bucket and ts < m.bucket + ${width}
        order by ts) s
      order by m.provider_id, s.ts`
  }
  return tx<(Row & Mark)[]>`
    select m.provider_id, m.bucket, s.samples, s.backfilled, s.seconds, s.gpu_agg, s.sys_agg
    from ${recordset} cross join lateral (
      select * from ${tx(tableOf(from))}
      where provider_id = m.provider_id and bucket >= m.bucket and bucket < m.bucket + ${width}
      order by bucket) s
    order by m.provider_id, s.bucket`
}

const BUCKET_COLUMNS = [
  "provider_id",
  "bucket",
  "samples",
  "backfilled",
  "seconds",
  "gpu_agg",
  "sys_agg",
] as const

/** As a table of texts: Postgres would read a JSON list of them twice. */
function linesAsBuckets(tx: TransactionSql, rows: readonly (Mark & Sum)[]): PendingQuery<Row[]> {
  const written = rows.map((row) => ({
    ...row,
    gpu_agg: gpuAverageText(row.gpu_agg),
    sys_agg: sysAverageText(row.sys_agg),
  }))
  return unnestLines(tx, columnLines(written, BUCKET_COLUMNS))
}

async function saveBuckets(
  tx: TransactionSql,
  rollup: Rollup,
  { computed: rows, nowMs }: { computed: readonly (Mark & Sum)[]; nowMs: number },
): Promise<void> {
  if (rows.length === 0) return
  // Samples are only ever added. Fewer than before means that part of them was dropped by retention since.
  const changed = await tx<Mark[]>`
    insert into ${tx(rollup.table)} as t (provider_id, bucket, samples, backfilled, seconds, gpu_agg, sys_agg)
    select provider_id, bucket::timestamptz, samples::integer, backfilled::integer, seconds::integer,
      gpu_agg::json, sys_agg::json
    from ${linesAsBuckets(tx, rows)}
    where provider_id is not null
    on conflict (provider_id, bucket) do update set
      samples = excluded.samples, backfilled = excluded.backfilled, seconds = excluded.seconds,
      gpu_agg = excluded.gpu_agg, sys_agg = excluded.sys_agg
      where excluded.samples >= t.samples
        and (t.samples, t.backfilled, t.seconds, t.gpu_agg::text, t.sys_agg::text) is distinct from
          (excluded.samples, excluded.backfilled, excluded.seconds, excluded.gpu_agg::text, excluded.sys_agg::text)
    returning provider_id, bucket`
  const coarser = ROLLUPS.find((candidate) => candidate.from === rollup.tier)
  if (!coarser) return
  const marks = changed.map(({ provider_id, bucket }) => ({ provider_id, atMs: epochMsOf(bucket) }))
  await markBuckets(tx, coarser, { marks, nowMs })
}
