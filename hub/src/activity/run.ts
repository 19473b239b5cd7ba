import type { ActivityRow, CommittedActivity } from "@boocontrol/shared/activity"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { HostId } from "@boocontrol/shared/ids"
import type { Sql } from "../platform/postgres.ts"
import { byTime, foldBatch, splitBySize } from "./core.ts"
import type { ActivityBatch } from "./core.ts"
import type { PartitionsPort, PublishActivity } from "./ports.ts"
import { findRequests } from "./store/read.ts"
import { storeRequests } from "./store/write.ts"

export interface StoreOptions {
  sql: Sql
  partitions: PartitionsPort
  publish: PublishActivity
}

// Well below the limit of a message, envelope and all.
const MAX_PUBLISHED_BYTES = 256 * 1024

/** Stores what hosts sent and, after the commit, tells everyone of the rows that are new or have changed. */
export async function storeActivity(
  envelopes: readonly Envelope<"activity">[],
  { redelivered }: { redelivered: boolean },
  { sql, partitions, publish }: StoreOptions,
): Promise<{ notYet: readonly number[] }> {
  const batch = foldBatch(envelopes)
  await partitions.ensure(
    "control_requests",
    batch.rows.map((row) => row.ts),
  )
  const { changed, notYet } = await storeRequests(sql, batch)
  // A hub may have died between its commit and its announcement: what comes again is announced again, as an update.
  const rows = redelivered ? await findRequests(sql, [...batch.rows, ...changed]) : changed
  for (const committed of announcements(rows, batch)) publish(committed)
  return { notYet }
}

function announcements(rows: readonly ActivityRow[], { eventAt }: ActivityBatch): CommittedActivity[] {
  const byHost = new Map<HostId, Map<string, ActivityRow>>()
  for (const row of rows) {
    const ofHost = byHost.get(row.provider_id) ?? new Map<string, ActivityRow>()
    byHost.set(row.provider_id, ofHost.set(row.id, row))
  }
  return [...byHost].flatMap(([host, ofHost]) => {
    const parts = splitBySize([...ofHost.values()].sort(byTime), MAX_PUBLISHED_BYTES)
    return parts.map((part) => ({ provider_id: host, rows: part, event_at: eventAt.get(host) ?? null }))
  })
}
