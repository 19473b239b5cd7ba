import type { Sql } from "../../hub/src/platform/postgres.ts"

const GPUS = 4
const TARGET_YEAR_GB = 25
const TARGET_SHARE = 0.5
const HOST_MINUTES = 100 * 1440 * 365

/** Bytes on disk, indexes and all, for each `per` of a table. */
async function bytesPer(sql: Sql, table: string, per: string): Promise<number> {
  const [row] = await sql<{ bytes: number; n: number }[]>`
    select (select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = ${table}::regclass)::float8 as bytes,
      (select ${sql.unsafe(per)} from ${sql(table)})::float8 as n`
  return (row?.bytes ?? 0) / (row?.n || Number.NaN)
}

/** A row per GPU and sample with a column per reading and a unique key: the plainest way to keep them. */
async function plainRow(sql: Sql): Promise<number> {
  await sql`drop table if exists plain_gpu_samples`
  await sql`
    create table plain_gpu_samples (provider_id text, ts timestamptz, gpu smallint, util_pct real, mem_busy_pct real,
      mem_used_mib real, temp_c real, power_w real, clock_sm_mhz real, fan_pct real, unique (provider_id, gpu, ts))`
  await sql`
    insert into plain_gpu_samples
    select 'load-' || lpad((n % 100)::text, 4, '0'), now() + n / 100 * interval '1 second', n % 4, 1, 2, 3, 4, 5, 6, 7
    from generate_series(1, 400000) n`
  const [row] = await sql<{ bytes: number }[]>`
    select pg_total_relation_size('plain_gpu_samples') / 400000.0::float8 as bytes`
  await sql`drop table plain_gpu_samples`
  return row?.bytes ?? Number.NaN
}

/** Prints what a GPU sample and a host-minute take, and whether that meets the targets. */
export async function diskCosts(sql: Sql, say: (line: string) => void): Promise<boolean> {
  const stored = (await bytesPer(sql, "control_perf_samples", "count(*)")) / GPUS
  const plain = await plainRow(sql)
  const packed = (await bytesPer(sql, "control_perf_samples_packed", "sum(samples)")) / GPUS
  const verdict = (isMet: boolean): string => (isMet ? "met" : "NOT MET")
  say(`  a GPU sample, with its share of the machine's readings, on disk with indexes:`)
  say(
    `    as it is stored first ${stored.toFixed(0)} B, as the plainest row of one GPU ${plain.toFixed(0)} B, packed ${packed.toFixed(1)} B:`,
  )
  say(
    `    ${(packed / stored).toFixed(3)}x and ${(packed / plain).toFixed(3)}x, target ${TARGET_SHARE}x: ${verdict(packed <= TARGET_SHARE * Math.min(stored, plain))}`,
  )
  const minute = await bytesPer(sql, "control_perf_rollup_1m_packed", "sum(rows)")
  const asRow = await bytesPer(sql, "control_perf_rollup_1m", "count(*)")
  const yearGb = (minute * HOST_MINUTES) / 1e9
  say(`  a host-minute of the 1-minute tier: ${asRow.toFixed(0)} B as a row, ${minute.toFixed(0)} B packed;`)
  say(
    `    ${minute.toFixed(1)} B x 100 hosts x 1440 minutes x 365 days = ${yearGb.toFixed(1)} GB a year, target ${TARGET_YEAR_GB} GB: ${verdict(yearGb <= TARGET_YEAR_GB)}`,
  )
  for (const tier of ["10s", "5m"])
    say(
      `  a bucket of ${tier}: ${(await bytesPer(sql, `control_perf_rollup_${tier}`, "count(*)")).toFixed(0)} B as a row, ` +
        `${(await bytesPer(sql, `control_perf_rollup_${tier}_packed`, "sum(rows)")).toFixed(0)} B packed`,
    )
  return packed <= TARGET_SHARE * Math.min(stored, plain) && yearGb <= TARGET_YEAR_GB
}
