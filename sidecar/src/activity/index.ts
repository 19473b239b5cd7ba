import type { RequestEnrichment } from "@boocontrol/shared/activity"
import type { SwapEpoch } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import type { ActivityCursor, CursorStore, EngineSink, ResumeAsk } from "../ports.ts"
import type { Clock } from "../platform/clock.ts"
import { beginFollow, cursorOf, onConnected, onEnded, readFrom, reconcile } from "./core.ts"
import type { Decision, Follow } from "./core.ts"
import { createCaptureCallers } from "./capture-callers.ts"
import type { Attribution, Caller, RowPage, RowSource, StoredRow } from "./ports.ts"

/** After a failed read or a refused write. Sooner would only press on what is already in trouble. */
const RETRY_MS = 1_000
/** A message must stay small, and rows with long errors are a few KB each. */
const BATCH_ROWS = 200
const MAX_OFFERED = 2_000

export interface ActivityFollowerOptions {
  source: RowSource
  sink: Pick<EngineSink, "activity" | "note">
  cursors: CursorStore
  resume: ResumeAsk
  attribution: Attribution
  /** Who made a request, by what the engine kept of it; null where it has nothing of it any more. */
  callerOf: (entryId: number) => Promise<Caller | null>
  clock: Clock
  freshEpoch: () => SwapEpoch
  /** Every row that is read, new or met again. */
  onRows?: (rows: readonly StoredRow[]) => void
  onProblem: (what: string, error: unknown) => void
}

export interface ActivityFollower {
  /**
   * A connection was made: the store is looked at before anything of it is believed. `unseenLife`: the engine may have
   * lived without one since the last connection ended.
   */
  connected(unseenLife: boolean): void
  /** The connection ended. `inflight`: how many requests were in flight then, null if unknown. */
  ended(inflight: number | null): void
  /** There may be new rows; `id` is one that is known to exist. */
  ring(id: number | null): void
  /** Rows that the engine sent unasked. */
  offer(rows: readonly StoredRow[]): void
  /** Something is known now about requests that were in flight. */
  callersChanged(): void
  /** Clock time of the newest read that was begun. */
  lastReadAt(): number
  stop(): Promise<void>
}

/** Reads new rows, one read at a time, and keeps the cursor behind those that are safe. */
export function createActivityFollower(options: ActivityFollowerOptions): ActivityFollower {
  const { source, sink, cursors, clock } = options
  let follow: Follow | null = null
  let online = false
  let stopped = false
  /** Highest id the engine told of. */
  let told: number | null = null
  /** Highest id that the stream of this connection spoke of, and highest that was found where it should have spoken. */
  let heardOf = -1
  let found = -1
  let wanted = false
  let offered: StoredRow[] = []
  let working: Promise<void> | null = null
  let cancelRetry: (() => void) | null = null
  let readAt = 0
  /** Raised at each connect and disconnect: an answer from before it is not looked at. */
  let connection = 0

  const captures = createCaptureCallers({
    callerOf: options.callerOf,
    tell: (enrichment) => enrich([enrichment]),
    clock,
  })

  function enrich(enrichments: RequestEnrichment[]): void {
    sink
      .activity({ rows: [], enrichments })
      .catch((error: unknown) => options.onProblem("callers could not be kept", error))
  }

  async function begin(): Promise<Follow> {
    const cursor = await cursors.load()
    const known: ActivityCursor | null = cursor ?? (await options.resume.ask())?.row ?? null
    return beginFollow(known, options.freshEpoch())
  }

  function wake(): void {
    wanted = true
    if (!online || stopped || working) return
    working = work().finally(() => {
      working = null
      if (wanted && online && cancelRetry === null) wake()
    })
  }

  async function work(): Promise<void> {
    while (wanted) {
      if (!online || stopped) return
      wanted = false
      try {
        await pass()
      } catch (error) {
        options.onProblem("rows could not be read or kept", error)
        wanted = true
        cancelRetry?.()
        cancelRetry = clock.setTimeout(() => {
          cancelRetry = null
          wake()
        }, RETRY_MS)
        return
      }
    }
  }

  async function pass(): Promise<void> {
    const of = connection
    follow ??= onConnected(await begin(), { unseenLife: true, at: instantOf(clock.now()) })
    const offeredPage = pageOffered(follow)
    const upTo = follow.verified ? (follow.last?.swap_entry_id ?? null) : null
    const page = offeredPage ?? (await read(follow))
    if (of !== connection || stopped) return
    const newest = page.rows.at(-1)?.swap_entry_id ?? -1
    if (upTo !== null && newest > upTo && offeredPage === null) found = Math.max(found, newest)
    options.onRows?.(page.rows)
    const decision = reconcile(follow, page, { now: instantOf(clock.now()), fresh: options.freshEpoch() })
    for (const note of decision.notes) sink.note(note)
    follow = decision.follow
    await keep(decision)
    if (decision.again) wanted = true
  }

  async function read(state: Follow): Promise<RowPage> {
    readAt = clock.now()
    offered = []
    return source.read(readFrom(state), told)
  }

  /** Rows that came unasked are taken only where they continue what is known without a hole. */
  function pageOffered(state: Follow): RowPage | null {
    const rows = offered.filter((row) => row.swap_entry_id > (state.last?.swap_entry_id ?? -1))
    const first = rows[0]
    offered = []
    if (!state.verified || !first || !state.last || first.swap_entry_id !== state.last.swap_entry_id + 1)
      return null
    return { rows, more: false, firstId: 0 }
  }

  async function keep(decision: Decision): Promise<void> {
    for (let start = 0; start < decision.rows.length; start += BATCH_ROWS) {
      const batch = decision.rows.slice(start, start + BATCH_ROWS)
      const rows = options.attribution.withCallers(batch, clock.now())
      await sink.activity({ rows })
      captures.ask(rows)
      const newest = rows.at(-1)
      if (!newest) return
      const last = cursorOf(newest)
      // A connection may have ended while the rows were made safe: what it said of the store's end stays.
      if (follow) follow = { ...follow, last }
      await cursors.save(last)
    }
  }

  return {
    connected(unseenLife) {
      connection += 1
      captures.forget()
      online = true
      told = null
      ;[heardOf, found] = [-1, -1]
      offered = []
      if (follow) follow = onConnected(follow, { unseenLife, at: instantOf(clock.now()) })
      wake()
    },
    ended(inflight) {
      if (!online) return
      connection += 1
      captures.forget()
      online = false
      const behind = told !== null && told > (follow?.last?.swap_entry_id ?? -1)
      // A stream that kept rows to itself may have kept the last ones too.
      const isUntold = found > heardOf
      const complete = working === null && !wanted && !behind && !isUntold
      if (follow) follow = onEnded(follow, { complete, inflight, at: instantOf(clock.now()) })
    },
    ring(id) {
      if (id !== null && id > (told ?? -1)) told = id
      heardOf = Math.max(heardOf, id ?? -1)
      wake()
    },
    offer(rows) {
      if (rows.length === 0) return
      heardOf = Math.max(heardOf, ...rows.map((row) => row.swap_entry_id))
      // More than a ring holds only gathers while rows cannot be kept: the store is read then.
      offered = offered.length + rows.length > MAX_OFFERED ? [] : [...offered, ...rows]
      wake()
    },
    callersChanged() {
      const enrichments = options.attribution.late(clock.now())
      if (enrichments.length === 0) return
      captures.known(enrichments)
      enrich(enrichments)
    },
    lastReadAt: () => readAt,
    async stop() {
      stopped = true
      online = false
      captures.stop()
      cancelRetry?.()
      await working
    },
  }
}
