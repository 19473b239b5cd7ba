import type { ActivityRow } from "./engine/activity.ts"
import type { SimulatedAnswer, SimulatedRequest } from "./engine/client.ts"
import { sendSimulatedRequest } from "./engine/client.ts"
import type { Engine } from "./engine/engine.ts"
import type { LogSource } from "./engine/events.ts"
import type { ModelProcess, ModelState } from "./engine/process.ts"
import type { Clock } from "./clock.ts"
import type { Misbehaviour } from "./gpu/nvidia-smi.ts"
import type { MessageType } from "./http/frames.ts"
import type { Listener } from "./http/server.ts"
import type { EventStreams } from "./http/streams.ts"
import { rfc3339 } from "./timestamp.ts"

/** Drives one simulated host; every verb acts at once unless it returns a promise. */
export interface Control {
  /** Sends a client's request through the engine; resolves when it is answered. */
  request(request: SimulatedRequest): Promise<SimulatedAnswer>
  setModelState(model: string, state: ModelState): void
  /** Loads without a request, with the time it takes. */
  load(model: string): void
  unload(model?: string): Promise<void>
  crash(model: string): void
  failNextStart(model: string): void
  /** The next request to the model gets an empty 502 at once. */
  failNextRequest(model: string): void
  /** The llama-swap process ends and comes back: down for so long, connections cut, ids anew unless on disk. */
  restart(options?: { downMs?: number }): Promise<void>
  /** A changed configuration: streams close, models stop, rows stay (new era). */
  reload(): void
  /** The next messages never arrive; only of one type where given. */
  dropNextEvents(count: number, type?: MessageType): void
  /** Bytes on all event streams, as they are. */
  sendRaw(bytes: string | Buffer): void
  /** Streams stay open and say nothing. */
  goSilent(on?: boolean): void
  closeStreams(): void
  refuseConnections(on: boolean): Promise<void>
  stallResponses(on: boolean): void
  /** Adds a row as given; what is left out is that of an ordinary small request. */
  addRow(row?: RowOddities): ActivityRow
  /** What the real one sends when it had to throw updates away: the whole list once more. */
  publishInflightSnapshot(): void
  /** As if evicted. */
  dropCaptures(): void
  /** Of the upstream log a model writes, the first one where none is named: it stands in both. */
  log(text: string | Buffer, source?: LogSource, model?: string): void
  rows(): readonly ActivityRow[]
  states(): Record<string, ModelState>
  inflight(): number
  streams(): number
  gpu: {
    misbehave(kind: Misbehaviour["kind"], options?: { afterLines?: number }): void
    behave(): void
    /** Writes the cards' state now instead of at the next step. */
    step(): void
  }
}

type Loose<T> = { [K in keyof T]?: T[K] | undefined }
export type RowOddities = Loose<Omit<ActivityRow, "id" | "tokens">> & {
  tokens?: Loose<ActivityRow["tokens"]> | undefined
  /** What GET /api/captures/<id> then gives. */
  capture?:
    { requestHeaders?: Record<string, string>; requestBody?: string; responseBody?: string } | undefined
}

export interface ControlParts {
  engine: Engine
  clock: Clock
  streams: EventStreams
  listener: Listener
  gpu: { misbehave(bad: Misbehaviour | null): void; step(): void }
}

export function createControl({ engine, clock, streams, listener, gpu }: ControlParts): Control {
  function processOf(model: string): ModelProcess {
    const process = engine.processes.get(engine.resolve(model) ?? "")
    if (!process) throw new Error(`no model ${model} on ${engine.scenario.host_id}`)
    return process
  }

  return {
    request: (request) => sendSimulatedRequest({ engine, clock, request }),
    setModelState: (model, state) => processOf(model).force(state),
    load: (model) => processOf(model).start(),
    unload: (model) => engine.unload(model === undefined ? null : [processOf(model).model.id]),
    crash: (model) => processOf(model).crash(),
    failNextStart(model) {
      processOf(model).failNextStart = true
    },
    failNextRequest(model) {
      processOf(model).failNextRequest = true
    },
    async restart({ downMs = 0 } = {}) {
      streams.closeAll()
      engine.restart()
      await listener.refuse(true)
      if (downMs > 0) await new Promise<void>((resolve) => clock.after(downMs, resolve))
      await listener.refuse(false)
    },
    reload() {
      streams.closeAll()
      engine.reload()
    },
    dropNextEvents: (count, type) => streams.dropNext(count, type ?? null),
    sendRaw: (bytes) => streams.sendRaw(bytes),
    goSilent: (on = true) => streams.setSilent(on),
    closeStreams: () => streams.closeAll(),
    refuseConnections: (on) => listener.refuse(on),
    stallResponses: (on) => listener.stall(on),
    addRow({ tokens = {}, capture, ...row } = {}) {
      const { scenario, edition } = engine
      const stored = engine.activity().add({
        timestamp:
          row.timestamp ??
          rfc3339(clock.now(), scenario.utc_offset_minutes, edition.old ? "nanoseconds" : "seconds"),
        model: row.model ?? scenario.models[0]?.id ?? "",
        req_path: row.req_path ?? "/v1/chat/completions",
        resp_content_type: row.resp_content_type ?? "text/event-stream",
        resp_status_code: row.resp_status_code ?? 200,
        tokens: {
          cache_tokens: tokens.cache_tokens ?? 64,
          draft_tokens: tokens.draft_tokens ?? -1,
          draft_acc_tokens: tokens.draft_acc_tokens ?? -1,
          input_tokens: tokens.input_tokens ?? 120,
          output_tokens: tokens.output_tokens ?? 80,
          prompt_per_second: tokens.prompt_per_second ?? 900,
          tokens_per_second: tokens.tokens_per_second ?? 70,
        },
        duration_ms: row.duration_ms ?? 1200,
        has_capture: false,
        ...(row.error_msg === undefined ? {} : { error_msg: row.error_msg }),
        metadata: row.metadata ?? { fifo_priority: "0" },
      })
      if (capture || row.has_capture) {
        const { requestHeaders = {}, requestBody = "{}", responseBody = "" } = capture ?? {}
        stored.has_capture = engine.captures.add(stored.id, {
          path: stored.req_path,
          requestHeaders,
          responseHeaders: { "Content-Type": stored.resp_content_type },
          requestBody: () => requestBody,
          responseBody: () => responseBody,
          bytes: requestBody.length + responseBody.length,
        })
      }
      engine.bus.emit({ kind: "activity", row: stored })
      return stored
    },
    publishInflightSnapshot() {
      const update = { operation: "snapshot" as const, requests: engine.inflight.snapshot() }
      engine.bus.emit({ kind: "inflight", update })
    },
    dropCaptures: () => engine.captures.clear(),
    log(text, source = "upstream", model) {
      const [first] = engine.processes.values()
      const writer = model === undefined ? first : engine.processes.get(model)
      if (source === "proxy") engine.logs.proxy.write(text)
      else (writer?.log ?? engine.logs.upstream).write(text)
    },
    rows: () => engine.activity().rows(),
    states: () =>
      Object.fromEntries([...engine.processes.values()].map(({ model, state }) => [model.id, state])),
    inflight: () => engine.inflight.count(),
    streams: () => streams.count(),
    gpu: {
      misbehave: (kind, { afterLines = 0 } = {}) => gpu.misbehave({ kind, afterLines }),
      behave: () => gpu.misbehave(null),
      step: () => gpu.step(),
    },
  }
}
