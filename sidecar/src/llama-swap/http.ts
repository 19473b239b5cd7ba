import http from "node:http"
import https from "node:https"
import type { IncomingMessage } from "node:http"

export interface HttpReply {
  readonly status: number
  readonly body: string
}

export interface HttpRequest {
  method?: "GET" | "POST"
  body?: unknown
  headers?: Record<string, string>
  timeoutMs?: number
  signal?: AbortSignal
}

/** A connection that stays open and gives bytes as they come. */
export interface HttpStream {
  readonly status: number
  readonly chunks: AsyncIterable<Buffer>
  close(): void
}

export interface EngineHttp {
  call(path: string, request?: HttpRequest): Promise<HttpReply>
  stream(path: string, timeoutMs: number): Promise<HttpStream>
  close(): void
}

/** Larger than a full ring of rows or an hour of samples of a many-GPU host. */
const MAX_BODY_BYTES = 24 * 1024 * 1024
const TIMEOUT_MS = 10_000
/** The engine sends nothing while it is idle, so only TCP itself can tell that the peer is gone. */
const KEEPALIVE_MS = 15_000

/** Nothing but node:http: a fetch client would cost the resident process several MB. */
export function createEngineHttp(options: {
  url: string
  apiKey: string | null
  userAgent: string
}): EngineHttp {
  const base = new URL(options.url)
  const secure = base.protocol === "https:"
  const prefix = base.pathname.replace(/\/+$/, "")
  const agent = new (secure ? https : http).Agent({ keepAlive: true, maxSockets: 8, maxFreeSockets: 2 })

  function send(path: string, request: HttpRequest): Promise<IncomingMessage> {
    const body = request.body === undefined ? null : JSON.stringify(request.body)
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? https : http).request({
        protocol: base.protocol,
        hostname: base.hostname.replace(/^\[|\]$/g, ""),
        port: base.port || (secure ? 443 : 80),
        path: `${prefix}${path}`,
        method: request.method ?? "GET",
        agent,
        headers: {
          "user-agent": options.userAgent,
          accept: "application/json, text/event-stream, text/plain",
          ...(options.apiKey ? { authorization: `Bearer ${options.apiKey}` } : {}),
          ...(body === null
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
          ...request.headers,
        },
        ...(request.signal ? { signal: request.signal } : {}),
      })
      outgoing.once("error", reject)
      outgoing.once("response", resolve)
      outgoing.end(body ?? undefined)
    })
  }

  async function call(path: string, request: HttpRequest = {}): Promise<HttpReply> {
    const timeoutMs = request.timeoutMs ?? TIMEOUT_MS
    const expired = timeoutMs > 0 ? [AbortSignal.timeout(timeoutMs)] : []
    const signal = AbortSignal.any([...expired, ...(request.signal ? [request.signal] : [])])
    const reply = await send(path, { ...request, signal })
    const parts: Buffer[] = []
    let bytes = 0
    for await (const part of reply as AsyncIterable<Buffer>) {
      bytes += part.length
      if (bytes > MAX_BODY_BYTES) {
        reply.destroy()
        throw new Error(`the answer to ${path} is larger than ${MAX_BODY_BYTES} bytes`)
      }
      parts.push(part)
    }
    return { status: reply.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") }
  }

  async function stream(path: string, timeoutMs: number): Promise<HttpStream> {
    const opening = new AbortController()
    const timer = setTimeout(() => opening.abort(), timeoutMs)
    try {
      const reply = await send(path, { signal: opening.signal })
      reply.socket.setKeepAlive(true, KEEPALIVE_MS)
      return { status: reply.statusCode ?? 0, chunks: reply, close: () => reply.destroy() }
    } finally {
      clearTimeout(timer)
    }
  }

  return { call, stream, close: () => agent.destroy() }
}
