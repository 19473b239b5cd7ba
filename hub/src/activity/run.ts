import { setImmediate } from "node:timers/promises"
import { crc32 } from "node:zlib"
import type { ActivityRow, CommittedActivity } from "@boocontrol/shared/activity"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { HostId } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import type { Sql } from "../platform/postgres.ts"
import { byTime, foldBatch, splitBySize } from "./core.ts"
import type { ActivityBatch } from "./core.ts"
import type { AnnounceActivity, PartitionsPort } from "./ports.ts"
import { findRequests } from "./store/read.ts"
import { requestLines, storeRequests } from "./store/write.ts"
import type { RequestLines, StoredBatch } from "./store/write.ts"

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

/** Connections that write at once. With one, Postgres waits for the hub and the hub for Postgres. */
const LANES = 2
/** With fewer messages a second transaction costs more than it saves. */
const WORTH_SPLITTING = 64

/**
 * Stores what hosts sent and, after the commit, tells everyone of the rows that are new or have changed. The batches of
 * a host follow one another, so that its rows are told of in their order. While Postgres has one batch, the next is
 * made ready and the one before is told of, host by host, so that nobody waits for that.
 */
export function activityStore({ sql, partitions, announce, stored }: StoreOptions): StoreActivity {
  const lastOf = new Map<HostId, Promise<void>>()
  let told: Promise<void> = Promise.resolve()

  const store = async (
    { batch, lines }: { batch: ActivityBatch; lines: RequestLines },
    redelivered: boolean,
  ): Promise<StoredBatch> => {
    await partitions.ensure(
      "control_requests",
      batch.rows.map((row) => row.ts),
    )
    const done = await storeRequests(sql, batch, lines)
    if (!redelivered) return done
    // A hub may have died between its commit and its announcement: what comes again is announced again, as an update.
    return { ...done, changed: await findRequests(sql, [...batch.rows, ...done.changed]) }
  }

  /** Begins once all that came of these hosts before is stored, or has failed. */
  const inTurn = <T>(hosts: ReadonlySet<HostId>, work: () => Promise<T>): Promise<T> => {
    const working = Promise.all([...hosts].flatMap((host) => lastOf.get(host) ?? [])).then(work)
    const over = working.then(
      () => undefined,
      () => undefined,
    )
    for (const host of hosts) lastOf.set(host, over)
    void over.then(() => {
      for (const host of hosts) if (lastOf.get(host) === over) lastOf.delete(host)
    })
    return working
  }

  const tell = async (changed: readonly ActivityRow[], batch: ActivityBatch): Promise<void> => {
    for (const { committed, text } of announcements(changed, batch.eventAt)) {
      announce(committed, text)
      await setImmediate()
    }
    stored?.(changed)
  }

  const storeGroup: StoreActivity = async (envelopes, { redelivered }) => {
    const batch = foldBatch(envelopes)
    const lines = requestLines(batch.rows)
    const hosts = new Set(envelopes.map(({ host }) => host))
    const { changed, notYet } = await inTurn(hosts, () => store({ batch, lines }, redelivered))
    const telling = told.then(() => tell(changed, batch))
    told = telling.catch(() => undefined)
    await telling
    return { notYet }
  }

  return async (envelopes, delivery) => {
    if (envelopes.length < WORTH_SPLITTING) return await storeGroup(envelopes, delivery)
    const groups = Map.groupBy(envelopes.keys(), (index) => crc32(envelopes[index]?.host ?? "") % LANES)
    const outcomes = await Promise.all(
      [...groups.values()].map(async (indexes) => {
        const group = indexes.flatMap((index) => envelopes[index] ?? [])
        const { notYet } = await storeGroup(group, delivery)
        return notYet.flatMap((index) => indexes[index] ?? [])
      }),
    )
    return { notYet: outcomes.flat() }
  }
}

interface Announcement {
  committed: CommittedActivity
  text: string
}

/** What is told of rows: by host, newest last, in messages that fit. `eventAt`: when the host sent its newest. */
export function* announcements(
  rows: readonly ActivityRow[],
  eventAt: ActivityBatch["eventAt"],
): Generator<Announcement> {
  const byHost = new Map<HostId, Map<string, ActivityRow>>()
  for (const row of rows) {
    const ofHost = byHost.get(row.provider_id) ?? new Map<string, ActivityRow>()
    byHost.set(row.provider_id, ofHost.set(row.id, row))
  }
  for (const [host, ofHost] of byHost) {
    const written = [...ofHost.values()].sort(byTime).map((row) => ({ row, text: JSON.stringify(row) }))
    const parts = splitBySize(written, MAX_ANNOUNCED_BYTES, ({ text }) => Buffer.byteLength(text))
    for (const part of parts) yield announcementOf(part, { host, at: eventAt.get(host) ?? null })
  }
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
