import type { HostId } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import { packedTier } from "../core/packing/tables.ts"
import { bySampleKey, firstOfEachTime, nudged, sampleKey } from "../core/fold.ts"
import type { IncomingSample } from "../core/fold.ts"
import { ROLLUPS } from "../core/tiers.ts"
import { openHours } from "./hours.ts"
import { markBuckets } from "./marks.ts"

export interface StoredSamples {
  /** Those that were new, with the times they have now, by host and time. */
  added: IncomingSample[]
  /** Kept one or more milliseconds later than they happened: another sample had their time. */
  nudged: number
}

const RAW = packedTier("raw")

// A host that sends more samples of one millisecond than this is broken; the rest of them are dropped as repeats.
const MAX_NUDGES = 100

/** Stores samples and marks the buckets they belong to, in one transaction. What is there already adds nothing. */
export async function storeSamples(
  sql: Sql,
  samples: readonly IncomingSample[],
  nowMs: number,
): Promise<StoredSamples> {
  return await sql.begin(async (tx) => {
    // What is packed of their hours has to be where repeats are found.
    const unpacked = RAW ? await openHours(tx, RAW, { moments: samples, nowMs }) : 0
    const stored: StoredSamples = { added: [], nudged: 0 }
    // In one order everywhere, so that two batches that bring the same samples cannot wait for each other.
    let pending = samples.toSorted(bySampleKey)
    for (let round = 0; pending.length > 0 && round <= MAX_NUDGES; round++) {
      const { first, others } = firstOfEachTime(pending)
      const added = await insertNew(tx, first, round === 0 && unpacked === 0)
      stored.added.push(...added)
      if (round > 0) stored.nudged += added.length
      if (added.length === pending.length) break
      const addedKeys = new Set(added.map(sampleKey))
      const refused = first.filter((sample) => !addedKeys.has(sampleKey(sample)))
      pending = (await notRepeats(tx, [...refused, ...others])).map(nudged)
    }
    // Those that were nudged came after all others.
    if (stored.nudged > 0) stored.added.sort(bySampleKey)
    await markBuckets(tx, ROLLUPS[0], { marks: stored.added, nowMs })
    return stored
  })
}

type Keys = { provider_id: HostId; ts: Instant }[]

/**
 * Resolves to those that were not there. `isFirst`: the transaction has added nothing to the table yet. Then what it
 * has added is known without having each row told, which would cost a twentieth of all, to hear what is true of every
 * one.
 */
async function insertNew(
  tx: TransactionSql,
  samples: readonly IncomingSample[],
  isFirst: boolean,
): Promise<readonly IncomingSample[]> {
  if (samples.length === 0) return []
  const insert = tx`
    insert into control_perf_samples (provider_id, ts, gpu, sys, source, backfilled, boot, seq)
    select provider_id, ts, gpu, sys, source, backfilled, boot, seq from ${recordset(tx, samples)}
    on conflict (provider_id, ts) do nothing`
  if (!isFirst) return among(samples, await tx<Keys>`${insert} returning provider_id, ts`)
  const { count } = await insert
  if (count === samples.length) return samples
  if (count === 0) return []
  const times = samples.map(({ ts }) => ts).sort()
  const added = await tx<Keys>`
    select provider_id, ts from control_perf_samples
    where provider_id = any(${[...new Set(samples.map(({ provider_id }) => provider_id))]}::text[])
      and ts between ${times[0] ?? null} and ${times.at(-1) ?? null} and xmin = pg_current_xact_id()::xid`
  return among(samples, added)
}

function among(samples: readonly IncomingSample[], added: Readonly<Keys>): readonly IncomingSample[] {
  if (added.length === samples.length) return samples
  const keys = new Set(added.map(sampleKey))
  return samples.filter((sample) => keys.has(sampleKey(sample)))
}

/**
 * Samples as a table: one parameter per column, one line per sample. JSON has no line ends of its own, so nothing is
 * escaped on the way and Postgres reads each document once. That makes it as fast as COPY; a JSON list of all of
 * them, which is read twice, takes more than twice as long.
 */
function recordset(tx: TransactionSql, samples: readonly IncomingSample[]): PendingQuery<Row[]> {
  const lines = (read: (sample: IncomingSample) => string | number | boolean): string =>
    samples.map(read).join("\n")
  const newline = tx`chr(10)`
  return tx`(
    select n::integer, provider_id, ts::timestamptz, gpu::jsonb, sys::jsonb, source, backfilled::boolean, boot::uuid,
      seq::bigint
    from unnest(
      string_to_array(${lines((sample) => sample.provider_id)}, ${newline}),
      string_to_array(${lines((sample) => sample.ts)}, ${newline}),
      string_to_array(${lines((sample) => jsonOf(sample.gpu))}, ${newline}, ''),
      string_to_array(${lines((sample) => jsonOf(sample.sys))}, ${newline}, ''),
      string_to_array(${lines((sample) => sample.source)}, ${newline}),
      string_to_array(${lines((sample) => sample.backfilled === true)}, ${newline}),
      string_to_array(${lines((sample) => sample.boot)}, ${newline}),
      string_to_array(${lines((sample) => sample.seq)}, ${newline})
    ) with ordinality as line(provider_id, ts, gpu, sys, source, backfilled, boot, seq, n)) r`
}

/** An empty line is NULL, which is not the same as JSON's null. */
function jsonOf(readings: IncomingSample["gpu"] | IncomingSample["sys"]): string {
  return readings === null ? "" : JSON.stringify(readings)
}

/**
 * Of samples whose time is taken, those that are another sample than the stored one. The same message brought both:
 * a repeat. A sample the engine took can be fetched from it again by another message: there the readings decide.
 */
async function notRepeats(tx: TransactionSql, samples: readonly IncomingSample[]): Promise<IncomingSample[]> {
  if (samples.length === 0) return []
  const rows = await tx<{ n: number }[]>`
    select r.n from ${recordset(tx, samples)}
    join control_perf_samples s on s.provider_id = r.provider_id and s.ts = r.ts
    where (s.boot, s.seq) is distinct from (r.boot, r.seq)
      and not (r.source = 'llama-swap' and s.source = r.source
        and s.gpu is not distinct from r.gpu and s.sys is not distinct from r.sys)
    order by r.n`
  return rows.flatMap(({ n }) => samples[n - 1] ?? [])
}

export async function newestSampleTs(sql: Sql, host: HostId): Promise<Instant | null> {
  // Packed hours are all older than rows, but for those that came late.
  const [row] = await sql<{ ts: Instant | null }[]>`
    select greatest(
      (select ts from control_perf_samples where provider_id = ${host} order by ts desc limit 1),
      (select last_at from control_perf_samples_packed where provider_id = ${host} order by hour desc limit 1)) as ts`
  return row?.ts ?? null
}
