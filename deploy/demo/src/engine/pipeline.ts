import type { Clock } from "../clock.ts"
import type { ServeResult } from "../llama/chat.ts"
import { serveModelRequest } from "../llama/handler.ts"
import type { Reply } from "../llama/reply.ts"
import { answerSeed, type ModelRequest } from "../llama/request.ts"
import { words } from "../llama/words.ts"
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
  resolve: (name: string) => string | null
  proxyLog: (level: "INFO" | "WARN", text: string) => void
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
    stopLoadingState(admission.kind === "serve")
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
        if (recorder.headSent) recorder.write(JSON.stringify({ error: admission.cause }))
        const message = `unspecific error: ${admission.cause}`
        if (!recorder.headSent) refuse(recorder, edition, { status: 500, message, accept })
        else recorder.end()
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
    try {
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
    outcome: { recorder: Recorder; result: ServeResult; startedAt: number },
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
    const contentType = recorder.headers["Content-Type"] ?? ""
    const tokens = tokensOf(failed ? { kind: "refused" } : result, {
      model: process?.model ?? FALLBACK_MODEL(scenario),
      vectors: /embed|rerank/.test(request.path),
      usageInStream: request.body.stream !== true || request.body.stream_options?.include_usage === true,
    })
    const row = parts.activity().add({
      timestamp: rfc3339(clock.now(), scenario.utc_offset_minutes, edition.old ? "nanoseconds" : "seconds"),
      model: modelId,
      req_path: request.path.replace(/^\/v\//, "/"),
      resp_content_type: contentType,
      resp_status_code: recorder.status,
      tokens,
      duration_ms: Math.floor(clock.now() - startedAt),
      has_capture: false,
      ...(failed ? { error_msg: errorMessageOf(recorder.status, recorder.text) } : {}),
      ...(process ? { metadata: { fifo_priority: "0" } } : {}),
    })
    if (failed || recorder.bytes > 0) row.has_capture = capture(row.id, request, recorder)
    bus.emit({ kind: "activity", row })
  }

  function capture(id: number, request: ModelRequest, recorder: Recorder): boolean {
    if (scenario.capture_buffer_mb <= 0) return false
    const seed = answerSeed(request)
    const outputBytes = recorder.bytes
    const promptTokens = request.intent?.promptTokens ?? 0
    return captures.add(id, {
      path: request.path,
      requestHeaders: redact(request.headers),
      responseHeaders: recorder.headers,
      requestBody: () =>
        JSON.stringify(
          request.intent
            ? {
                ...request.body,
                messages: [{ role: "user", content: words(seed, Math.min(promptTokens, 20_000)) }],
              }
            : request.body,
        ),
      responseBody:
        recorder.status === 200
          ? () =>
              `data: ${JSON.stringify({ choices: [{ delta: { content: words(seed, Math.ceil(outputBytes / 220)) } }] })}\n\n`
          : null,
      // Compressed text of this kind shrinks to about a fifth.
      bytes: Math.ceil((promptTokens * 5 + JSON.stringify(request.body).length + outputBytes) / 5) + 300,
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
      const id = inflight.add({
        model: parts.resolve(request.body.model ?? "") ?? request.body.model ?? "",
        path: request.path,
        method: request.method,
        headers: request.headers,
        remoteIp: request.remoteIp,
        cancel: () => abort.abort("cancelled"),
      })
      const recorder = createRecorder(reply, {
        onHead: (headers) => inflight.headersSent(id, headers),
        onBytes: (bytes) => inflight.bytesSent(id, bytes),
      })
      const result = await dispatch(request, recorder, abort)
      cancelPatience()
      gone.removeEventListener("abort", onGone)
      record(request, { recorder, result, startedAt })
      inflight.remove(id)
      return { status: recorder.status, bytes: recorder.bytes, durationMs: clock.now() - startedAt }
    },
  }
}

function FALLBACK_MODEL(scenario: HostScenario) {
  const [first] = scenario.models
  if (!first) throw new Error("a host has at least one model")
  return first
}
