import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import { FAILED, LONGER_SUMS, SUMMED, SUMS } from "./stats.ts"
import type { LongerSum } from "./stats.ts"

const HOUR_MS = 3_600_000
/** Hours summed up in one transaction: small enough that those who insert never wait long for a mark. */
const BATCH = 500

type Mark = { provider_id: string; hour: Instant }

/**
 * Sums up hours that are over and whose rows changed. Resolves to how many it took. Several hubs may do this at
 * once: each takes other hours. Doing it again gives the same rows.
 */
export async function sumUpHours(sql: Sql, nowMs: number): Promise<number> {
  return await sql.begin(async (tx) => {
    const marks = await takeMarks(tx, nowMs)
    await sumUp(tx, marks)
    return marks.length
  })
}

// The hour that runs is read from its rows anyway. Of a clock that is ahead it is summed up before it is over.
const SETTLE_MS = 60_000

async function takeMarks(tx: TransactionSql, nowMs: number): Promise<Mark[]> {
  return await tx<Mark[]>`
    delete from control_dirty_request_hours d
    using (
      select hour, provider_id from control_dirty_request_hours
      where hour <= ${instantOf(nowMs - HOUR_MS - SETTLE_MS)} or marked_at <= clock_timestamp() - interval '2 hours'
      order by hour, provider_id limit ${BATCH}
      for update skip locked
    ) taken
    where d.hour = taken.hour and d.provider_id = taken.provider_id
    returning d.provider_id, d.hour`
}

// All in one statement: planned once over all partitions, of which the bounds on time leave the few that matter.
async function sumUp(tx: TransactionSql, marks: readonly Mark[]): Promise<void> {
  const hours = marks.map(({ hour }) => hour).sort()
  const [first] = hours
  const last = hours.at(-1)
  if (first === undefined || last === undefined) return
  const end = instantOf(epochMsOf(last) + HOUR_MS)
  const list = tx`json_to_recordset(${tx.json([...marks])}::json) as m(provider_id text, hour timestamptz)`
  // Requests are only ever added. Fewer than before means that part of them was dropped by retention since.
  await tx`
    with sums as (
      select m.hour, m.provider_id, model, source, status_code, ${tx.unsafe(FAILED)} as failed, ${tx.unsafe(SUMS)}
      from ${list} join control_requests r
        on r.provider_id = m.provider_id and r.ts >= m.hour and r.ts < m.hour + interval '1 hour'
      where r.ts >= ${first} and r.ts < ${end}
      group by 1, 2, 3, 4, 5, 6
    ), known as (
      select s.hour, s.provider_id, sum(s.requests) as requests
      from ${list} join control_request_stats s on s.provider_id = m.provider_id and s.hour = m.hour
      where s.hour >= ${first} and s.hour < ${end}
      group by 1, 2
    ), fresh as (
      select hour, provider_id from sums left join known k using (hour, provider_id)
      group by hour, provider_id, k.requests having sum(sums.requests) >= coalesce(k.requests, 0)
    ), gone as (
      delete from control_request_stats s using fresh f
      where s.hour = f.hour and s.provider_id = f.provider_id and s.hour >= ${first} and s.hour < ${end}
    )
    insert into control_request_stats (hour, provider_id, model, source, status_code, failed, ${tx.unsafe(SUMMED)})
    select hour, provider_id, model, source, status_code, failed, ${tx.unsafe(SUMMED)}
    from sums join fresh using (hour, provider_id)
    order by hour, provider_id, model, source, status_code, failed`
}

/** What hours add up to. */
const ADDED = `
  sum(requests)::int as requests,
  sum(prompt_tokens)::bigint as prompt_tokens,
  sum(cache_tokens)::bigint as cache_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(gen_tps_millionths)::bigint as gen_tps_millionths, sum(gen_tps_count)::int as gen_tps_count,
  sum(prompt_tps_millionths)::bigint as prompt_tps_millionths, sum(prompt_tps_count)::int as prompt_tps_count,
  sum(duration_us)::bigint as duration_us, sum(duration_count)::int as duration_count`

/**
 * Adds up stretches that are over and whose hours changed. Resolves to how many it took. As with hours: several hubs take
 * different ones, again gives the same rows, and a stretch is not replaced by less than it was.
 */
export async function sumUpLonger(sql: Sql, longer: LongerSum, nowMs: number): Promise<number> {
  const { column, width, widthMs } = longer
  const [table, marked, at] = [sql(longer.table), sql(longer.marks), sql(column)]
  return await sql.begin(async (tx) => {
    const marks = await tx<{ provider_id: string; at: Instant }[]>`
      delete from ${marked} d
      using (
        select ${at}, provider_id from ${marked}
        where ${at} <= ${instantOf(nowMs - widthMs - SETTLE_MS)}
        order by ${at}, provider_id limit ${BATCH}
        for update skip locked
      ) taken
      where d.${at} = taken.${at} and d.provider_id = taken.provider_id
      returning d.provider_id, d.${at} as at`
    const starts = marks.map((mark) => mark.at).sort()
    const [first] = starts
    const last = starts.at(-1)
    if (first === undefined || last === undefined) return 0
    const end = instantOf(epochMsOf(last) + widthMs)
    const list = tx`json_to_recordset(${tx.json([...marks])}::json) as m(provider_id text, at timestamptz)`
    await tx`
      with sums as (
        select m.at, m.provider_id, model, source, status_code, failed, ${tx.unsafe(ADDED)}
        from ${list} join control_request_stats s
          on s.provider_id = m.provider_id and s.hour >= m.at and s.hour < m.at + ${width}::interval
        where s.hour >= ${first} and s.hour < ${end}
        group by 1, 2, 3, 4, 5, 6
      ), known as (
        select m.at, s.provider_id, sum(s.requests) as requests
        from ${list} join ${table} s on s.provider_id = m.provider_id and s.${at} = m.at
        where s.${at} >= ${first} and s.${at} < ${end}
        group by 1, 2
      ), fresh as (
        select at, provider_id from sums left join known k using (at, provider_id)
        group by at, provider_id, k.requests having sum(sums.requests) >= coalesce(k.requests, 0)
      ), gone as (
        delete from ${table} s using fresh f
        where s.${at} = f.at and s.provider_id = f.provider_id and s.${at} >= ${first} and s.${at} < ${end}
      )
      insert into ${table} (${at}, provider_id, model, source, status_code, failed, ${tx.unsafe(SUMMED)})
      select at, provider_id, model, source, status_code, failed, ${tx.unsafe(SUMMED)}
      from sums join fresh using (at, provider_id)
      order by at, provider_id, model, source, status_code, failed`
    return marks.length
  })
}

/** Adds up all that is over, of one length after the other. Resolves to how many stretches it took. */
export async function sumUpAll(sql: Sql, nowMs: number): Promise<number> {
  let taken = await sumUpHours(sql, nowMs)
  for (const longer of LONGER_SUMS) taken += await sumUpLonger(sql, longer, nowMs)
  return taken
}
