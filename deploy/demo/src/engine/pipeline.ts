import type { Clock } from "../clock.ts"
import { renderAnswer, type ServeResult } from "../llama/chat.ts"
import { serveModelRequest } from "../llama/handler.ts"
import type { Reply } from "../llama/reply.ts"
import { answerSeed, type ModelRequest } from "../llama/request.ts"
import { words } from "../llama/words.ts"
import type { Random } from "../random.ts"
import type { Edition, HostScenario } from "../scenario.ts"
import { rfc3339 } from "../timestamp.ts"
import type { ActivityStore } from "./activity.ts"
import type { CaptureStore } from "./captures.ts"
import { refuse, refuseTooMany } from "./errors.ts"
import type { Bus } from "./events.ts"
import { type InflightTracker, redact } from "./inflight.ts"
import { startLoadingState } from "./loading-state.ts"
import type { ModelProcess } from "./process.ts"
import { createRecorder, type Recorder } from "./recorder.ts"
import { errorMessageOf, tokensOf } from "./row.ts"
import type { Scheduler } from "./scheduler.ts"

export interface PipelineParts {
  scenario: HostScenario
  edition: Edition
  clock: Clock
  bus: Bus
  processes: ReadonlyMap<string, ModelProcess>
  scheduler: Scheduler
  inflight: InflightTracker
  captures: CaptureStore
  activity: () => ActivityStore
  /** Another number after every restart of the process. */
  life: () => number
  resolve: (name: string) => string | null
  proxyLog: (level: "INFO" | "WARN", text: string) => void
  random: Random
}

export interface Served {
  status: number
  bytes: number
  durationMs: number
}

export interface Pipeline {
  /** From arrival to the stored row. `gone` aborts when the client leaves. */
  serve(request: ModelRequest, reply: Reply, gone: AbortSignal): Promise<Served>
}

/** The middleware order of the real one: in flight, metrics, scheduler, upstream. */
export function createPipeline(parts: PipelineParts): Pipeline {
  const { scenario, edition, clock, bus, processes, scheduler, inflight, captures, proxyLog } = parts

  async function dispatch(
    request: ModelRequest,
    recorder: Recorder,
    abort: AbortController,
  ): Promise<ServeResult> {
    const accept = request.headers["accept"] ?? ""
    const process = processes.get(parts.resolve(request.body.model ?? "") ?? "")
    if (!process) {
      refuse(recorder, edition, { status: 404, message: "no router for requested model", accept })
      return { kind: "refused" }
    }
    const stopLoadingState = startLoadingState({ process, request, reply: recorder, clock })
    const admission = await scheduler.acquire(process, abort.signal)
    stopLoadingState(admission.kind !== "aborted")
    switch (admission.kind) {
      case "serve":
        return serveReady(process, request, { recorder, abort })
      case "too-many":
        refuseTooMany(recorder, edition)
        return { kind: "refused" }
      case "aborted":
        recorder.end()
        return { kind: "aborted" }
      case "failed":
        refuse(recorder, edition, { status: 500, message: `unspecific error: ${admission.cause}`, accept })
        return { kind: "refused" }
    }
  }

  async function serveReady(
    process: ModelProcess,
    request: ModelRequest,
    out: { recorder: Recorder; abort: AbortController },
  ): Promise<ServeResult> {
    const { recorder, abort } = out
    process.serving.add(abort)
    recorder.dispatched = true
    if (parts.random.chance(process.model.crash_chance)) {
      clock.after(parts.random.between(200, 2500), () => {
        if (process.serving.has(abort)) process.crash()
      })
    }
    try {
      if (process.failNextRequest || parts.random.chance(scenario.spurious_502_chance)) {
        // A kept connection that the server was just closing: refused at once, and nothing is wrong with the model.
        process.failNextRequest = false
        recorder.head(502, {})
        recorder.end()
        return { kind: "refused" }
      }
      const result = await serveModelRequest({
        server: process.llama,
        request,
        reply: recorder,
        signal: abort.signal,
        created: Math.floor(clock.now() / 1000),
      })
      if (result.kind === "aborted") {
        // Cut before the upstream's headers: 502 with nothing in it. Cut later: the body just ends.
        if (!recorder.headSent) recorder.head(502, {})
        else proxyLog("INFO", `<${process.model.id}> recovered from upstream disconnection during streaming`)
        recorder.end()
      }
      return result
    } finally {
      process.serving.delete(abort)
      process.lastRequestEndedAt = clock.now()
      scheduler.release(process)
    }
  }

  function record(
    request: ModelRequest,
    outcome: { recorder: Recorder; result: ServeResult; startedAt: number; store: ActivityStore },
  ) {
    const { recorder, result, startedAt } = outcome
    const modelId = parts.resolve(request.body.model ?? "") ?? request.body.model ?? ""
    const process = processes.get(modelId)
    const failed = recorder.status !== 200
    if (failed)
      proxyLog(
        "WARN",
        `non-200 response, recording partial metrics: status=${recorder.status}, path=${request.path}`,
      )
    else if (recorder.bytes === 0) proxyLog("WARN", "metrics: empty body, recording minimal metrics")
    else if (result.kind !== "done") proxyLog("WARN", unreadable(request, recorder))
    const contentType = recorder.headers["Content-Type"] ?? ""
    const model = process?.model ?? anyModel(scenario)
    const tokens = tokensOf(failed ? { kind: "refused" } : result, request, model)
    const row = outcome.store.add({
      timestamp: rfc3339(clock.now(), scenario.utc_offset_minutes, edition.old ? "nanoseconds" : "seconds"),
      model: modelId,
      req_path: request.path.replace(/^\/v\//, "/"),
      resp_content_type: contentType,
      resp_status_code: recorder.status,
      tokens,
      duration_ms: Math.floor(clock.now() - startedAt),
      has_capture: false,
      ...(failed ? { error_msg: errorMessageOf(recorder.status, recorder.text) } : {}),
      ...(recorder.dispatched ? { metadata: { fifo_priority: "0" } } : {}),
    })
    if (failed || recorder.bytes > 0) row.has_capture = capture(row.id, request, outcome)
    bus.emit({ kind: "activity", row })
  }

  function capture(
    id: number,
    request: ModelRequest,
    outcome: { recorder: Recorder; result: ServeResult },
  ): boolean {
    if (scenario.capture_buffer_mb <= 0) return false
    const { recorder, result } = outcome
    const created = Math.floor(clock.now() / 1000)
    const model = processes.get(parts.resolve(request.body.model ?? "") ?? "")?.model
    const promptTokens = request.intent?.promptTokens ?? 0
    const seed = answerSeed(request)
    function responseBody() {
      if (recorder.reads || result.kind !== "done" || !model) return recorder.text
      return renderAnswer(model, request, { measured: result.measured, created })
    }
    return captures.add(id, {
      path: request.path,
      requestHeaders: redact(request.headers),
      responseHeaders: recorder.headers,
      requestBody: () =>
        request.bodyText ??
        JSON.stringify({
          ...request.body,
          messages: [{ role: "user", content: words(seed, Math.min(promptTokens, 20_000)) }],
        }),
      // A failed request keeps its question only.
      responseBody: recorder.status === 200 ? responseBody : null,
      // Compressed text of this kind shrinks to about a fifth.
      bytes: Math.ceil((promptTokens * 5 + (request.bodyText?.length ?? 200) + recorder.bytes) / 5) + 300,
    })
  }

  return {
    async serve(request, reply, gone) {
      const startedAt = clock.now()
      const abort = new AbortController()
      const onGone = () => abort.abort("client-gone")
      if (gone.aborted) onGone()
      else gone.addEventListener("abort", onGone, { once: true })
      const cancelPatience =
        request.abortAfterMs === null
          ? () => {}
          : clock.after(request.abortAfterMs, () => abort.abort("client-gone"))
      // A reload may come while this is served: the row then goes to the store it began under.
      const life = parts.life()
      const store = parts.activity()
      const tracked = inflight.add({
        model: parts.resolve(request.body.model ?? "") ?? request.body.model ?? "",
        path: request.path,
        method: request.method,
        headers: request.headers,
        remoteIp: request.remoteIp,
        cancel: () => abort.abort("cancelled"),
      })
      const recorder = createRecorder(reply, {
        onHead: (headers) => tracked.headersSent(headers),
        onBytes: (bytes) => tracked.bytesSent(bytes),
      })
      const result = await dispatch(request, recorder, abort)
      cancelPatience()
      gone.removeEventListener("abort", onGone)
      // What a killed process was serving leaves no trace.
      if (life === parts.life()) record(request, { recorder, result, startedAt, store })
      tracked.remove()
      return { status: recorder.status, bytes: recorder.bytes, durationMs: clock.now() - startedAt }
    },
  }
}

function unreadable(request: ModelRequest, recorder: Recorder): string {
  return recorder.headers["Content-Type"] === "text/event-stream"
    ? `error processing streaming response: no valid JSON data found in stream, path=${request.path}, recording minimal metrics`
    : `metrics: invalid JSON in response body path=${request.path}, recording minimal metrics`
}

function anyModel(scenario: HostScenario) {
  const [first] = scenario.models
  if (!first) throw new Error("a host has at least one model")
  return first
}
