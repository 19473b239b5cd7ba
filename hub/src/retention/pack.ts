import type { RetentionDetail } from "@boocontrol/shared/retention"
import type { Clock } from "../platform/clock.ts"
import type { Sql } from "../platform/postgres.ts"
import { isExpired } from "./core/partitions.ts"
import type { KeptTable } from "./core/tables.ts"
import type { PackingPort } from "./ports.ts"
import { createPartition, emptyPartition, listPartitions } from "./store/partitions.ts"

export interface PackOptions {
  sql: Sql
  tables: readonly KeptTable[]
  packing: PackingPort
  clock: Clock
  packAfterHours: number
}

const HOUR_MS = 3_600_000
/** What else is done in turns waits no longer than this. After an upgrade there may be hours of packing to do. */
const AT_ONCE_MS = 40_000

/**
 * Packs what is old enough, partition by partition, oldest first; a partition that has been packed as a whole gives
 * its space back with the run after that one, when nobody can be reading it any more as it was.
 */
export async function packCold(
  { sql, tables, packing, clock, packAfterHours }: PackOptions,
  detail: RetentionDetail,
  stop: AbortSignal,
): Promise<void> {
  const nowMs = clock.now()
  const signal = {
    get aborted(): boolean {
      const isOver = clock.now() >= nowMs + AT_ONCE_MS
      if (isOver) detail.unfinished = true
      return isOver || stop.aborted
    },
  }
  const beforeMs = Math.floor(nowMs / HOUR_MS - packAfterHours) * HOUR_MS
  for (const kept of tables) {
    const target = tables.find(({ table }) => table === kept.packed)
    if (!target) continue
    for (const partition of await listPartitions(sql, kept.table)) {
      if (signal.aborted) return
      if (partition.fromMs >= beforeMs || isExpired(partition, nowMs, kept.keptDays)) continue
      if (partition.toMs <= beforeMs) {
        const emptied = await emptyPartition(sql, partition.name, {
          ...{ packed: target.table, fromMs: partition.fromMs, toMs: partition.toMs },
        })
        if (emptied) continue
      }
      // Of the same stretch, so that packed rows have a partition of their own as well.
      await createPartition(sql, target, partition)
      const { packed } = await packing.pack(
        {
          ...{ table: kept.table, afterMs: packAfterHours * HOUR_MS },
          ...{ fromMs: partition.fromMs, toMs: Math.min(partition.toMs, beforeMs) },
        },
        signal,
      )
      if (packed > 0)
        detail.packed = { ...detail.packed, [kept.table]: (detail.packed?.[kept.table] ?? 0) + packed }
    }
  }
}
