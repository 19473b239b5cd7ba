import type { RetentionDetail } from "@boocontrol/shared/retention"
import { epochMsOf } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { DAY_MS, deservesPartition, isExpired, partitionName } from "./core/partitions.ts"
import type { KeptTable } from "./core/tables.ts"
import { packCold } from "./pack.ts"
import type { HostsPort, PackingPort, RetainSettings } from "./ports.ts"
import { computeDays, dayText, newestDay } from "./store/completeness.ts"
import type { HostDay } from "./store/completeness.ts"
import { deleteExpiredRows, dropPartition } from "./store/expire.ts"
import { createPartition, defaultSlots, listPartitions } from "./store/partitions.ts"
import { evictCaptures, pruneBefore, pruneCompleteness, pruneDeadLetters } from "./store/prune.ts"
import { beginRun, endRun } from "./store/runs.ts"

// Enough to see what is wrong with a host; each can be as large as a message.
export const DEAD_LETTERS_KEPT = 10_000

export interface CareOptions {
  sql: Sql
  clock: Clock
  log: Log
  hubId: string
  tables: readonly KeptTable[]
  retain: RetainSettings
  captureBudgetBytes: number
  hosts: HostsPort
  packing: PackingPort
}

/**
 * One run of everything that is done about age. Each step is safe to be cut off and to be done again, also by another
 * hub at the same time. What is refused now is tried again with the next run.
 */
export async function takeCare(options: CareOptions, signal: AbortSignal): Promise<RetentionDetail> {
  const { sql, clock, log, hubId } = options
  const detail: RetentionDetail = { dropped: [], made: [], deleted: {}, evicted_captures: 0, refused: [] }
  const id = await beginRun(sql, { hubId, nowMs: clock.now() })
  let error: string | null = null
  try {
    for (const kept of options.tables) {
      if (!signal.aborted) await giveHomes(kept, options, detail)
      if (!signal.aborted) await dropExpired(kept, { ...options, detail }, signal)
    }
    if (!signal.aborted) await prune(options, detail, signal)
    const packAfterHours = options.retain.packAfterHours
    if (!signal.aborted) await packCold({ ...options, packAfterHours }, detail, signal)
  } catch (failure) {
    error = failure instanceof Error ? failure.message : String(failure)
    throw failure
  } finally {
    await endRun(sql, id, { nowMs: clock.now(), detail, error }).catch((failure: unknown) =>
      log.warn({ err: failure }, "the end of a run could not be noted"),
    )
  }
  const rows = Object.keys({ ...detail.deleted, ...detail.packed }).length
  const did = detail.dropped.length + detail.made.length + rows
  if (did + detail.refused.length > 0) log.info({ ...detail }, "retention")
  return detail
}

/** Moves rows of the default partition into one of their own, where they deserve it. */
async function giveHomes(
  kept: KeptTable,
  { sql, clock, log }: CareOptions,
  detail: RetentionDetail,
): Promise<void> {
  for (const slot of await defaultSlots(sql, kept)) {
    if (!deservesPartition(slot, clock.now(), kept.keptDays)) continue
    const name = partitionName(kept.table, kept.period, slot)
    try {
      if ((await createPartition(sql, kept, slot)) !== null) detail.made.push(name)
    } catch (error) {
      // Somebody wrote such a row meanwhile, or holds the table: they stay where they are until the next run.
      log.warn({ err: error, partition: name }, "rows of the default partition could not be moved now")
      detail.refused.push({ what: name, why: "busy" })
    }
  }
}

async function dropExpired(
  kept: KeptTable,
  { sql, clock, detail }: CareOptions & { detail: RetentionDetail },
  signal: AbortSignal,
): Promise<void> {
  const nowMs = clock.now()
  for (const partition of await listPartitions(sql, kept.table)) {
    if (signal.aborted || !isExpired(partition, nowMs, kept.keptDays)) break
    const outcome = await dropPartition(sql, kept, partition)
    if (outcome === "dropped") detail.dropped.push(partition.name)
    else detail.refused.push({ what: partition.name, why: outcome })
  }
  const beforeMs = nowMs - kept.keptDays * DAY_MS
  const { rows, refused } = await deleteExpiredRows(sql, { kept, beforeMs }, signal)
  addDeleted(detail, kept.table, rows)
  if (refused > 0)
    detail.refused.push({ what: `${kept.table}_default, ${refused} host-hours`, why: "uncovered" })
}

async function prune(
  { sql, clock, retain, captureBudgetBytes }: CareOptions,
  detail: RetentionDetail,
  signal: AbortSignal,
): Promise<void> {
  const nowMs = clock.now()
  const beforeMs = nowMs - retain.eventsDays * DAY_MS
  for (const table of ["control_model_events", "control_dead_letters"] as const)
    addDeleted(detail, table, await pruneBefore(sql, { table, beforeMs }, signal))
  addDeleted(detail, "control_dead_letters", await pruneDeadLetters(sql, DEAD_LETTERS_KEPT))
  addDeleted(detail, "control_completeness", await pruneCompleteness(sql, beforeMs))
  detail.evicted_captures = await evictCaptures(sql, { budgetBytes: captureBudgetBytes, nowMs }, signal)
}

function addDeleted(detail: RetentionDetail, table: string, rows: number): void {
  if (rows > 0) detail.deleted[table] = (detail.deleted[table] ?? 0) + rows
}

// A hub that was away longer than this has other worries.
const MOST_DAYS_BACK = 400

/** Computes the completeness of marked days, of today and of yesterday, and of all days since the last time. */
export async function countDays({ sql, clock, hosts }: CareOptions): Promise<number> {
  const nowMs = clock.now()
  const newest = await newestDay(sql)
  const newestMs = newest === null ? nowMs : Date.parse(`${newest}T00:00:00Z`)
  // The day before the newest as well: it may have been counted in its last seconds.
  const firstMs = Math.max(Math.min(newestMs, nowMs) - DAY_MS, nowMs - MOST_DAYS_BACK * DAY_MS)
  const always: HostDay[] = []
  const knownFromMs = new Map<string, number>()
  for (const { provider_id, enabled, created_at } of hosts.rows()) {
    const createdMs = epochMsOf(created_at)
    knownFromMs.set(provider_id, createdMs)
    // Of a host that is switched off nothing is expected.
    if (!enabled) continue
    for (let atMs = firstMs; dayText(atMs) <= dayText(nowMs); atMs += DAY_MS) {
      if (dayText(atMs) >= dayText(createdMs)) always.push({ provider_id, day: dayText(atMs) })
    }
  }
  return await computeDays(sql, { always, knownFromMs, nowMs })
}
