import type { ActivityRow, CommittedActivity } from "@boocontrol/shared/activity"
import { EngineCapture, redactCapture } from "@boocontrol/shared/capture"
import type { CaptureReply, StoredCapture } from "@boocontrol/shared/capture"
import { BooError } from "@boocontrol/shared/errors"
import type { RequestId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { trimCapture } from "@boocontrol/shared/trim"
import type { Clock } from "../../platform/clock.ts"
import type { Log } from "../../platform/log.ts"
import type { Sql } from "../../platform/postgres.ts"
import type { CapturesPort } from "../ports.ts"
import { enqueue, wantsCapture } from "./core.ts"
import type { CapturePolicy, CaptureQueue } from "./core.ts"
import { findCapture, storeCapture } from "./store.ts"

export interface CaptureSettings {
  policy: CapturePolicy
  maxBytes: number
  budgetBytes: number
}

export interface CapturesOptions {
  sql: Sql
  clock: Clock
  log: Log
  hosts: CapturesPort
  settings: CaptureSettings
  announce: (committed: CommittedActivity) => void
}

export interface Captures {
  stored(id: RequestId): Promise<CaptureReply>
  /** The stored one, or fetched now from the host's engine and stored. */
  fetch(id: RequestId): Promise<CaptureReply>
  /** Rows that were just stored: what the policy wants of them is fetched in the background. */
  offer(rows: readonly ActivityRow[]): void
  /** Lets what waits go and waits for what is being fetched. */
  stop(): Promise<void>
}

/** A host answers one at a time; more at once would only take memory here. */
const AT_ONCE = 3

export function createCaptures({ sql, clock, log, hosts, settings, announce }: CapturesOptions): Captures {
  let queue: CaptureQueue<ActivityRow> = { waiting: [], dropped: 0 }
  const working = new Set<Promise<void>>()
  let isStopped = false

  async function fetchNow(row: ActivityRow, by: StoredCapture["by"]): Promise<StoredCapture> {
    const { provider_id: host, swap_epoch, swap_entry_id, ts, model } = row
    const outcome = await hosts.capture(host, { swap_epoch, swap_entry_id, ts, model })
    if (!outcome.ok) throw refusalOf(row, outcome.refusal)
    const parsed = EngineCapture.safeParse(outcome.data)
    if (!parsed.success) throw fetchFailed(row, "what it sent makes no sense: update its sidecar")
    // Redacted again, whatever the sidecar did: what is stored here must hold no secret.
    const { capture, count } = redactCapture(parsed.data)
    const stored: StoredCapture = {
      ...trimCapture(capture, settings.maxBytes),
      ...{ v: 1, fetched_at: instantOf(clock.now()), by, redacted: count },
    }
    if (await storeCapture(sql, row, stored)) announce({ provider_id: host, rows: [row], event_at: null })
    return stored
  }

  async function known(id: RequestId) {
    const found = await findCapture(sql, id)
    if (!found) throw new BooError("REQUEST_NOT_FOUND", { id })
    return found
  }

  function work(): void {
    while (working.size < AT_ONCE) {
      const [row] = queue.waiting
      if (!row) return
      queue = { ...queue, waiting: queue.waiting.slice(1) }
      const job: Promise<void> = fetchNow(row, "policy")
        .then(
          () => undefined,
          (error: unknown) => log.debug({ err: error, request: row.id }, "a capture could not be fetched"),
        )
        .finally(() => {
          working.delete(job)
          work()
        })
      working.add(job)
    }
  }

  return {
    async stored(id) {
      const { row, capture, evictedAt } = await known(id)
      if (capture) return { id, capture }
      if (evictedAt !== null)
        throw new BooError("CAPTURE_EVICTED", {
          ...{ id, evicted_at: evictedAt, budget_mb: settings.budgetBytes / 1024 / 1024 },
          can_fetch: row.has_capture,
        })
      throw row.has_capture ? new BooError("CAPTURE_NOT_STORED", { id }) : neverMade(row)
    },
    async fetch(id) {
      const { row, capture } = await known(id)
      if (capture) return { id, capture }
      if (!row.has_capture) throw neverMade(row)
      return { id, capture: await fetchNow(row, "hand") }
    },
    offer(rows) {
      if (isStopped) return
      const before = queue.dropped
      queue = enqueue(
        queue,
        rows.filter((row) => wantsCapture(settings.policy, row)),
      )
      if (queue.dropped > before)
        log.warn({ dropped: queue.dropped }, "more captures were wanted than could be fetched")
      work()
    },
    async stop() {
      isStopped = true
      queue = { ...queue, waiting: [] }
      await Promise.all(working)
    },
  }
}

function neverMade({ id, provider_id: host }: ActivityRow): BooError {
  return new BooError("CAPTURE_NEVER_MADE", { id, host })
}

function fetchFailed({ id, provider_id: host }: ActivityRow, problem: string): BooError {
  return new BooError("CAPTURE_NOT_FETCHED", { id, host, problem })
}

function refusalOf(row: ActivityRow, refusal: { code: string; message: string }): BooError {
  if (refusal.code === "CAPTURE_GONE")
    return new BooError("CAPTURE_GONE", { host: row.provider_id, entry: row.swap_entry_id, since: row.ts })
  return fetchFailed(row, refusal.message)
}
