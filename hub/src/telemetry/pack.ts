import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { PACKED_TIERS } from "./core/packing/tables.ts"
import { hoursToPack, packHour } from "./store/packing.ts"

export interface PackWanted {
  table: string
  fromMs: number
  toMs: number
  /** Hours to which anything came more lately than this stay as they are. */
  afterMs: number
}

// What a run leaves, the next one takes: an hour of a thousand hosts, and what is behind comes in after it.
const HOURS_AT_ONCE = 5_000

/** Packs what can be packed of a span, one hour of one host per transaction. */
export async function packSpan(
  { sql, log }: { sql: Sql; log: Log },
  { table, fromMs, toMs, afterMs }: PackWanted,
  signal: Pick<AbortSignal, "aborted">,
): Promise<{ packed: number; waiting: number }> {
  const done = { packed: 0, waiting: 0 }
  const tier = PACKED_TIERS.find((candidate) => candidate.table === table)
  if (!tier) return done
  for (const hostHour of await hoursToPack(sql, tier, { fromMs, toMs, limit: HOURS_AT_ONCE })) {
    if (signal.aborted) break
    try {
      if ((await packHour(sql, tier, { ...hostHour, afterMs })) === "packed") done.packed++
      else done.waiting++
    } catch (error) {
      // It is as it was. One hour that cannot be packed must not keep the others from it.
      done.waiting++
      log.warn({ err: error, table, ...hostHour }, "an hour could not be packed")
    }
  }
  return done
}
