import type { Clock } from "../clock.ts"
import { createSilentReply } from "../llama/reply.ts"
import type { ModelBody, ModelRequest } from "../llama/request.ts"
import { accessLog } from "./access-log.ts"
import type { Engine } from "./engine.ts"

/** A request of a simulated client: the same way through the engine as one from a socket, without the socket. */
export interface SimulatedRequest {
  model: string
  source?: string | undefined
  path?: string | undefined
  stream?: boolean | undefined
  promptTokens?: number | undefined
  outputTokens?: number | undefined
  session?: string | null | undefined
  userAgent?: string | undefined
  remoteIp?: string | undefined
  headers?: Record<string, string> | undefined
  includeUsage?: boolean | undefined
  abortAfterMs?: number | null | undefined
  /** Keep and return the text of the answer. */
  keepText?: boolean | undefined
}

export interface SimulatedAnswer {
  status: number
  headers: Record<string, string>
  bytes: number
  durationMs: number
  text: string
}

export async function sendSimulatedRequest(parts: {
  engine: Engine
  clock: Clock
  request: SimulatedRequest
}): Promise<SimulatedAnswer> {
  const { engine, request } = parts
  const reply = createSilentReply(request.keepText ?? false)
  const modelRequest = toModelRequest(request)
  const served = await engine.pipeline.serve(modelRequest, reply, new AbortController().signal)
  accessLog(engine, {
    remoteIp: modelRequest.remoteIp,
    method: "POST",
    path: modelRequest.path,
    status: served.status,
    bytes: served.bytes,
    userAgent: modelRequest.headers["user-agent"] ?? "",
    durationMs: served.durationMs,
  })
  return { ...served, headers: reply.headers, text: reply.text }
}

function toModelRequest(request: SimulatedRequest): ModelRequest {
  const stream = request.stream ?? true
  const body: ModelBody = {
    model: request.model,
    ...(stream ? { stream } : {}),
    ...(stream && request.includeUsage ? { stream_options: { include_usage: true } } : {}),
    messages: [{ role: "user", content: request.session ?? request.source ?? "hello" }],
  }
  return {
    method: "POST",
    path: request.path ?? "/v1/chat/completions",
    headers: {
      accept: stream ? "text/event-stream" : "application/json",
      "content-type": "application/json",
      "user-agent": request.userAgent ?? "OpenAI/JS 6.1.0",
      ...(request.source ? { "x-boo-source": request.source } : {}),
      ...(request.session ? { "x-session-id": request.session } : {}),
      ...request.headers,
    },
    remoteIp: request.remoteIp ?? "192.168.1.20",
    body,
    bodyText: null,
    intent: {
      promptTokens: request.promptTokens ?? 200,
      outputTokens: request.outputTokens ?? 100,
      session: request.session ?? null,
    },
    abortAfterMs: request.abortAfterMs ?? null,
  }
}
