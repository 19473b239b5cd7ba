import type { HostId } from "@boocontrol/shared/ids"
import { epochMsOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import { firstOfEachTime, nudged, sampleKey } from "../core/fold.ts"
import type { IncomingSample } from "../core/fold.ts"
import { ROLLUPS } from "../core/tiers.ts"
import { markBuckets } from "./marks.ts"

export interface StoredSamples {
  added: number
  /** Kept one or more milliseconds later than they happened: another sample had their time. */
  nudged: number
}

// A host that sends more samples of one millisecond than this is broken; the rest of them are dropped as repeats.
const MAX_NUDGES = 100

/** Stores samples and marks the buckets they belong to, in one transaction. What is there already adds nothing. */
export async function storeSamples(
  sql: Sql,
  samples: readonly IncomingSample[],
  nowMs: number,
): Promise<StoredSamples> {
  return await sql.begin(async (tx) => {
    const stored: StoredSamples = { added: 0, nudged: 0 }
    const touched: { provider_id: HostId; ts: Instant }[] = []
    let pending = [...samples]
    for (let round = 0; pending.length > 0 && round <= MAX_NUDGES; round++) {
      const { first, others } = firstOfEachTime(pending)
      const added = await insertNew(tx, first)
      touched.push(...added)
      stored.added += added.length
      if (round > 0) stored.nudged += added.length
      const addedKeys = new Set(added.map(sampleKey))
      const refused = first.filter((sample) => !addedKeys.has(sampleKey(sample)))
      pending = (await notRepeats(tx, [...refused, ...others])).map(nudged)
    }
    const marks = touched.map(({ provider_id, ts }) => ({ provider_id, atMs: epochMsOf(ts) }))
    await markBuckets(tx, ROLLUPS[0], { marks, nowMs })
    return stored
  })
}

const RECORD =
  "provider_id text, ts timestamptz, gpu jsonb, sys jsonb, source text, backfilled boolean, boot uuid, seq bigint"

async function insertNew(
  tx: TransactionSql,
  samples: readonly IncomingSample[],
): Promise<{ provider_id: HostId; ts: Instant }[]> {
  if (samples.length === 0) return []
  return await tx<{ provider_id: HostId; ts: Instant }[]>`
    insert into control_perf_samples (provider_id, ts, gpu, sys, source, backfilled, boot, seq)
    select provider_id, ts, gpu, sys, source, backfilled, boot, seq
    from json_to_recordset(${tx.json(samples)}::json) as r(${tx.unsafe(RECORD)})
    on conflict (provider_id, ts) do nothing
    returning provider_id, ts`
}

/**
 * Of samples whose time is taken, those that are another sample than the stored one. The same message brought both:
 * a repeat. A sample the engine took can be fetched from it again by another message: there the readings decide.
 */
async function notRepeats(tx: TransactionSql, samples: readonly IncomingSample[]): Promise<IncomingSample[]> {
  if (samples.length === 0) return []
  const numbered = samples.map((sample, n) => ({ ...sample, n }))
  const rows = await tx<{ n: number }[]>`
    select r.n
    from json_to_recordset(${tx.json(numbered)}::json) as r(n integer, ${tx.unsafe(RECORD)})
    join control_perf_samples s on s.provider_id = r.provider_id and s.ts = r.ts
    where (s.boot, s.seq) is distinct from (r.boot, r.seq)
      and not (r.source = 'llama-swap' and s.source = r.source
        and s.gpu is not distinct from r.gpu and s.sys is not distinct from r.sys)
    order by r.n`
  return rows.flatMap(({ n }) => samples[n] ?? [])
}

export async function newestSampleTs(sql: Sql, host: HostId): Promise<Instant | null> {
  const [row] = await sql<{ ts: Instant }[]>`
    select ts from control_perf_samples where provider_id = ${host} order by ts desc limit 1`
  return row?.ts ?? null
}
