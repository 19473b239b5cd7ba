import type { ActivityRow, CommittedActivity } from "@boocontrol/shared/activity"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { HostId } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import type { Sql } from "../platform/postgres.ts"
import { byTime, foldBatch, splitBySize } from "./core.ts"
import type { ActivityBatch } from "./core.ts"
import type { AnnounceActivity, PartitionsPort } from "./ports.ts"
import { findRequests } from "./store/read.ts"
import { storeRequests } from "./store/write.ts"
import type { StoredBatch } from "./store/write.ts"

export interface StoreOptions {
  sql: Sql
  partitions: PartitionsPort
  announce: AnnounceActivity
  /** Rows that are new or have changed. */
  stored?: (rows: readonly ActivityRow[]) => void
}

// Well below the limit of a message, envelope and all.
const MAX_ANNOUNCED_BYTES = 256 * 1024

type StoreActivity = (
  envelopes: readonly Envelope<"activity">[],
  delivery: { redelivered: boolean },
) => Promise<{ notYet: readonly number[] }>

/**
 * Stores what hosts sent and, after the commit, tells everyone of the rows that are new or have changed. One batch
 * after the other, so that they are told in the order of their commits; while Postgres has one, the next is made ready.
 */
export function activityStore({ sql, partitions, announce, stored }: StoreOptions): StoreActivity {
  let last: Promise<unknown> = Promise.resolve()

  const store = async (batch: ActivityBatch, redelivered: boolean): Promise<StoredBatch> => {
    await partitions.ensure(
      "control_requests",
      batch.rows.map((row) => row.ts),
    )
    const done = await storeRequests(sql, batch)
    if (!redelivered) return done
    // A hub may have died between its commit and its announcement: what comes again is announced again, as an update.
    return { ...done, changed: await findRequests(sql, [...batch.rows, ...done.changed]) }
  }

  return async (envelopes, { redelivered }) => {
    const batch = foldBatch(envelopes)
    const storing = last.then(() => store(batch, redelivered))
    last = storing.catch(() => undefined)
    const { changed, notYet } = await storing
    for (const { committed, text } of announcements(changed, batch)) announce(committed, text)
    stored?.(changed)
    return { notYet }
  }
}

interface Announcement {
  committed: CommittedActivity
  text: string
}

function announcements(rows: readonly ActivityRow[], { eventAt }: ActivityBatch): Announcement[] {
  const byHost = new Map<HostId, Map<string, ActivityRow>>()
  for (const row of rows) {
    const ofHost = byHost.get(row.provider_id) ?? new Map<string, ActivityRow>()
    byHost.set(row.provider_id, ofHost.set(row.id, row))
  }
  return [...byHost].flatMap(([host, ofHost]) => {
    const written = [...ofHost.values()].sort(byTime).map((row) => ({ row, text: JSON.stringify(row) }))
    const parts = splitBySize(written, MAX_ANNOUNCED_BYTES, ({ text }) => Buffer.byteLength(text))
    return parts.map((part) => announcementOf(part, { host, at: eventAt.get(host) ?? null }))
  })
}

interface Written {
  row: ActivityRow
  text: string
}

/** Rows are written once, and the text of the whole is made of theirs. */
function announcementOf(
  part: readonly Written[],
  { host, at }: { host: HostId; at: Instant | null },
): Announcement {
  const rows = part.map(({ text }) => text).join(",")
  return {
    committed: { provider_id: host, rows: part.map(({ row }) => row), event_at: at },
    text: `{"provider_id":${JSON.stringify(host)},"rows":[${rows}],"event_at":${JSON.stringify(at)}}`,
  }
}
