import type { SwapEpoch } from "@boocontrol/shared/ids"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import { createCallerBook } from "../activity/attribution.ts"
import { createActivityFollower } from "../activity/index.ts"
import type { RowSource, StoredRow } from "../activity/ports.ts"
import { createFleetTracker } from "../fleet/index.ts"
import { createLogRelay } from "../logs/index.ts"
import { readCaller } from "./captures.ts"
import { createEngineApi } from "./engine-api.ts"
import type { EngineHttp } from "./http.ts"
import { createInflightBoard } from "./inflight-board.ts"
import { createInstances } from "./instances.ts"
import { createLink } from "./link.ts"
import type { StreamEnd } from "./link.ts"
import { readMessage } from "./messages.ts"
import type { EngineMessage } from "./messages.ts"
import { createModelLogs } from "./model-logs.ts"
import {
  isOwnAccessLine,
  isRunning,
  listedModelOf,
  runningModelsOf,
  startFailureIn,
  startFailureOf,
} from "./models.ts"
import type { LlamaSwapOptions } from "./options.ts"
import { shownUrl } from "./problems.ts"
import { probeEngine } from "./probe.ts"
import type { Era, Probe } from "./probe.ts"
import { redactText } from "./redact.ts"
import type { Rejects } from "./rejects.ts"
import { ringSource, tableSource } from "./rows.ts"
import { createSafetyTimer } from "./safety.ts"
import type { ModelStatus } from "./shapes.ts"
import { createSseDecoder } from "./sse.ts"
import type { SseDecoder } from "./sse.ts"
import { createStatusBoard } from "./status.ts"
import type { StatusBoard } from "./status.ts"

/** A finished request has its row by now; if its doorbell was lost, look without waiting for the safety timer. */
const ROW_AFTER_END_MS = 1_000
/** A row older than this says nothing about why a model stopped just now. */
const FRESH_ROW_MS = 10_000

export interface Session {
  start(): void
  stop(): Promise<void>
  status: StatusBoard["current"]
}

export interface SessionOptions extends LlamaSwapOptions {
  http: EngineHttp
  rejects: Rejects
  userAgent: string
  freshEpoch: () => SwapEpoch
}

/** Connects the parts: what the stream and the polls say goes to the follower, the fleet, the board and the relay. */
export function createSession(options: SessionOptions): Session {
  const { sink, clock, http, rejects } = options
  const url = shownUrl(options.url)
  const problem = (what: string, error: unknown) =>
    options.log(what, { error: error instanceof Error ? error.message : String(error) })

  const api = createEngineApi(http, rejects)
  const status = createStatusBoard(sink, clock)
  const callers = createCallerBook()
  const fleet = createFleetTracker({ sink, gpuMemory: options.gpuMemory, clock })
  const sources = { activity: tableSource(api), metrics: ringSource(api) }
  let era: Era = null
  let online = false
  /** An engine may have lived since the follower's last connection, of which it was told nothing. */
  let unseenLife = true
  /** The follower was told of the connection that is open. */
  let followed = false
  let decoder: SseDecoder | null = null
  /** Lists that came: a poll that was asked before the newest one says nothing about states. */
  let lists = 0
  let polling: Promise<void> | null = null
  let pollAgain = false
  let cancelRowCheck: (() => void) | null = null

  const source: RowSource = {
    read: (from, expected) =>
      era === null
        ? Promise.resolve({ rows: [], more: false, firstId: 1 })
        : sources[era].read(from, expected),
  }
  const follower = createActivityFollower({
    source,
    sink,
    cursors: options.cursors,
    resume: options.resume,
    attribution: callers,
    callerOf: (entryId) => readCaller(http, entryId, board.sessionNames()),
    clock,
    freshEpoch: options.freshEpoch,
    onRows: lookAtRows,
    onProblem: problem,
  })
  // Ports of the engine's machine are ports of this one only where they are the same.
  const instances = options.remote
    ? null
    : createInstances({
        ...{ clock, userAgent: options.userAgent },
        changed: (known) => fleet.instances(known),
      })
  const board = createInflightBoard({
    clock,
    emit: (data) => sink.inflight(data),
    onList(running, busy) {
      callers.inflight(running, clock.now())
      fleet.busy(busy)
      if (online) follower.callersChanged()
    },
    onEnded(entries) {
      for (const { model } of entries) if (model) fleet.requestEnded(model, clock.now())
      checkRowsLater()
    },
  })
  const relay = createLogRelay({
    clock,
    emit: (data) => sink.log(data),
    clean: redactText,
    keep: (from, line) => from !== "proxy" || !isOwnAccessLine(line),
    onLine(from, line) {
      const failure = from === "proxy" ? startFailureIn(line) : null
      if (failure) fleet.startFailed(failure.model, failure.reason)
    },
  })
  const modelLogs = createModelLogs({
    ...{ http, clock },
    hooks: {
      history: (model, text) => relay.modelHistory(model, text),
      text: (model, text) => relay.modelChunk(model, text),
      supported: (isSupported) => relay.labelled(isSupported),
    },
  })
  const safety = createSafetyTimer(
    clock,
    () => {
      void poll()
      follower.ring(null)
    },
    () => (board.count() ?? 0) > 0,
  )
  const link = createLink<Probe>({
    http,
    url,
    hasKey: options.apiKey !== null,
    clock,
    random: options.random,
    hooks: {
      async probe() {
        const hasKey = options.apiKey !== null
        const found = await probeEngine(http, { url, hasKey, nowRfc3339: instantOf(clock.now()) })
        status.probed(found)
        return found
      },
      opened,
      bytes: (chunk) => decoder?.push(chunk),
      closed,
      changed(state) {
        status.link(state)
        if (state.liveness === "down") fleet.ended(true)
      },
      heard: () => status.heard(),
    },
  })

  function opened(probe: Probe, lifeBetween: boolean): void {
    unseenLife ||= lifeBetween
    followed = false
    era = probe.era
    online = true
    decoder = createSseDecoder({
      data: (data) => dispatch(readMessage(data)),
      rejected: (kind) => rejects.add(kind, `the event stream of ${url}`),
    })
    fleet.connected()
    board.connected()
    relay.connected()
    safety.start()
    // Which program serves a model decides what the figures in its rows mean: it has to be known before them.
    void poll().then(() => {
      if (!online || era === null || followed) return
      followed = true
      follower.connected(unseenLife)
      unseenLife = false
    })
  }

  function closed(how: StreamEnd): void {
    online = false
    decoder = null
    safety.stop()
    cancelRowCheck?.()
    cancelRowCheck = null
    modelLogs.ended()
    const inflight = board.ended()
    // A cut connection to another machine says nothing about the engine there; a silent one nowhere.
    const ended = how === "ended" || (how === "cut" && !options.remote)
    follower.ended(ended ? inflight : null)
    if (!followed) unseenLife = true
    fleet.ended(false)
  }

  function dispatch(message: EngineMessage): void {
    switch (message.kind) {
      case "models":
        safety.stir()
        return takeModels(message.models)
      case "log":
        return relay.chunk(message.source, message.data)
      case "doorbell":
        safety.stir()
        return follower.ring(message.id)
      case "rows":
        safety.stir()
        return follower.offer(api.parse(message.rows))
      case "inflight":
        safety.stir()
        if ("total" in message.message) status.lacks("inflight")
        if (!("operation" in message.message)) status.lacks("callers")
        return board.apply(message.message)
      case "session-headers":
        return board.sessionHeaders(message.names)
      case "rejected":
        return rejects.add(message.reject, message.problem)
      case "ignored":
    }
  }

  function takeModels(models: ModelStatus[]): void {
    const first = lists === 0
    lists += 1
    // Peers come in another order each time, which is no change.
    fleet.list(models.map(listedModelOf).sort((a, b) => (a.id < b.id ? -1 : 1)))
    modelLogs.running(models.filter(isRunning).map(({ id }) => id))
    void poll()
    if (first && models.every(({ context_length: length }) => !length))
      api.contextLengths().then(fleet.contextLengths, (error: unknown) => problem("/v1/models", error))
  }

  /** One poll at a time; what is asked meanwhile is asked once more after it. */
  function poll(): Promise<void> {
    pollAgain = true
    polling ??= (async () => {
      while (pollAgain) {
        pollAgain = false
        if (!online) break
        const before = lists
        try {
          const running = await api.running()
          if (!online) break
          fleet.running(runningModelsOf(running), lists === before)
          instances?.running(running)
        } catch (error) {
          problem("/running cannot be read", error)
        }
      }
      polling = null
    })()
    return polling
  }

  function lookAtRows(rows: readonly StoredRow[]): void {
    for (const { model, ts, status_code, error } of rows) {
      const endedAtMs = epochMsOf(ts)
      fleet.requestEnded(model, endedAtMs)
      const reason = clock.now() - endedAtMs < FRESH_ROW_MS ? startFailureOf(status_code, error) : null
      if (reason) fleet.startFailed(model, reason)
    }
  }

  function checkRowsLater(): void {
    const endedAtMs = clock.now()
    cancelRowCheck ??= clock.setTimeout(() => {
      cancelRowCheck = null
      if (follower.lastReadAt() < endedAtMs) follower.ring(null)
    }, ROW_AFTER_END_MS)
  }

  return {
    start: () => link.start(),
    async stop() {
      await link.stop()
      safety.stop()
      cancelRowCheck?.()
      board.stop()
      relay.stop()
      instances?.stop()
      fleet.stop()
      await Promise.all([follower.stop(), modelLogs.stop(), polling])
    },
    status: status.current,
  }
}
