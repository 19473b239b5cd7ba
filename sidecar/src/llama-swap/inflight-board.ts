import { rowPathOf } from "@boocontrol/shared/activity"
import type { InflightData, InflightRequest } from "@boocontrol/shared/activity"
import { epochMsOf } from "@boocontrol/shared/time"
import type { RunningRequest } from "../activity/attribution.ts"
import type { Clock } from "../platform/clock.ts"
import { applyInflight, inflightDataOf } from "./inflight.ts"
import type { Inflight } from "./inflight.ts"
import type { InflightEntry, InflightMessage } from "./shapes.ts"

/** A request that comes or goes is shown at once; several within this time are shown together. */
const SOON_MS = 20
/** Progress, at most twice a second. */
const PROGRESS_MS = 500

/** Until the engine names its own. */
const DEFAULT_SESSION_HEADERS = ["X-Session-ID", "X-Litellm-Session-Id"]

export interface InflightBoard {
  connected(): void
  /** Nothing is known of what is in flight any more. Returns how many were, null if unknown. */
  ended(): number | null
  apply(message: InflightMessage): void
  sessionHeaders(names: readonly string[]): void
  /** The names of headers that this engine takes for session ids. */
  sessionNames(): readonly string[]
  count(): number | null
  stop(): void
}

export interface InflightBoardOptions {
  emit: (data: InflightData) => void
  /** The list changed: who is in flight now. Null where the engine only counts, and when it is not known any more. */
  onList: (running: RunningRequest[] | null, busy: ReadonlySet<string> | null) => void
  onEnded: (entries: readonly InflightEntry[]) => void
  clock: Clock
}

export function createInflightBoard({ emit, onList, onEnded, clock }: InflightBoardOptions): InflightBoard {
  let inflight: Inflight | null = null
  let names: readonly string[] = DEFAULT_SESSION_HEADERS
  /** Ids start again with every life of the engine. */
  let life = 0
  let sentAtMs = 0
  let timer: { cancel: () => void; dueMs: number } | null = null

  function schedule(delayMs: number): void {
    const dueMs = clock.now() + delayMs
    if (timer && timer.dueMs <= dueMs) return
    timer?.cancel()
    timer = { dueMs, cancel: clock.setTimeout(send, delayMs) }
  }

  function send(): void {
    timer?.cancel()
    timer = null
    sentAtMs = clock.now()
    emit(inflightDataOf(inflight, names))
  }

  function tellList(): void {
    const data = inflightDataOf(inflight, names)
    if (inflight?.entries === null) return onList(null, null)
    const requests = data.requests ?? []
    onList(
      requests.flatMap((request) => runningOf(request, life) ?? []),
      new Set(requests.map(({ model }) => model)),
    )
  }

  return {
    connected() {
      life += 1
      inflight = null
    },
    ended() {
      const count = inflight?.total ?? null
      inflight = null
      onList(null, null)
      send()
      return count
    },
    apply(message) {
      const step = applyInflight(inflight, message)
      if (step.inflight === inflight) return
      inflight = step.inflight
      if (step.changed) tellList()
      if (step.ended.length > 0) onEnded(step.ended)
      if (step.changed) schedule(SOON_MS)
      else schedule(Math.max(SOON_MS, sentAtMs + PROGRESS_MS - clock.now()))
    },
    sessionHeaders(found) {
      if (found.length > 0) names = found.slice(0, 10)
    },
    sessionNames: () => names,
    count: () => inflight?.total ?? null,
    stop() {
      timer?.cancel()
      timer = null
    },
  }
}

function runningOf(request: InflightRequest, life: number): RunningRequest | null {
  if (request.started_at === null) return null
  const { source, request_id, client_ip, user_agent, session_id } = request
  return {
    key: `${life}:${request.id}`,
    model: request.model,
    path: rowPathOf(request.req_path, request.model),
    startedAtMs: epochMsOf(request.started_at),
    caller: { source, request_id, client_ip, user_agent, session_id },
  }
}
