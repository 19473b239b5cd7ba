import http from "node:http"
import https from "node:https"
import type { IncomingMessage } from "node:http"
import type { Clock } from "../platform/clock.ts"

export interface HttpReply {
  readonly status: number
  readonly body: string
}

export interface HttpRequest {
  method?: "GET" | "POST" | "PUT"
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is. */
  form?: { readonly contentType: string; readonly bytes: Buffer }
  headers?: Record<string, string>
  timeoutMs?: number
  /** A longer answer is an error. */
  maxBytes?: number
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
  stream(path: string, timeoutMs: number, signal?: AbortSignal): Promise<HttpStream>
  /** Ends every call that is under way. */
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
  clock: Clock
}): EngineHttp {
  const base = new URL(options.url)
  const secure = base.protocol === "https:"
  const prefix = base.pathname.replace(/\/+$/, "")
  const active = new Set<AbortController>()
  const { Agent } = secure ? https : http
  const calls = new Agent({ keepAlive: true, maxSockets: 8, maxFreeSockets: 2 })
  // Each holds its connection for ever: they must not take those of the calls.
  const streams = new Agent({ keepAlive: false })

  function send(path: string, request: HttpRequest, agent = calls): Promise<IncomingMessage> {
    const json = request.body === undefined ? null : Buffer.from(JSON.stringify(request.body))
    const body = request.form?.bytes ?? json
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
          // Asked for text, the engine leaves the reason out of its errors.
          accept: "application/json",
          ...(options.apiKey ? { authorization: `Bearer ${options.apiKey}` } : {}),
          ...(body === null
            ? {}
            : {
                "content-type": request.form?.contentType ?? "application/json",
                "content-length": body.length,
              }),
          ...request.headers,
        },
        ...(request.signal ? { signal: request.signal } : {}),
      })
      outgoing.once("error", reject)
      outgoing.once("response", resolve)
      outgoing.end(body ?? undefined)
    })
  }

  /** Aborts `work` after `timeoutMs`; 0 is never. Its signal and the caller's own are one. */
  async function withTimeout<T>(
    request: HttpRequest,
    timeoutMs: number,
    work: (request: HttpRequest) => Promise<T>,
  ): Promise<T> {
    const aborter = new AbortController()
    const cancel = timeoutMs > 0 ? options.clock.setTimeout(() => aborter.abort(), timeoutMs) : null
    const signal = request.signal ? AbortSignal.any([aborter.signal, request.signal]) : aborter.signal
    active.add(aborter)
    try {
      return await work({ ...request, signal })
    } finally {
      active.delete(aborter)
      cancel?.()
    }
  }

  function call(path: string, request: HttpRequest = {}): Promise<HttpReply> {
    return withTimeout(request, request.timeoutMs ?? TIMEOUT_MS, async (timed) => {
      const { maxBytes = MAX_BODY_BYTES } = request
      const reply = await send(path, timed)
      const parts: Buffer[] = []
      let bytes = 0
      for await (const part of reply as AsyncIterable<Buffer>) {
        bytes += part.length
        if (bytes > maxBytes) {
          reply.destroy()
          throw new Error(`the answer to ${path} is larger than ${maxBytes} bytes`)
        }
        parts.push(part)
      }
      return { status: reply.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") }
    })
  }

  function stream(path: string, timeoutMs: number, signal?: AbortSignal): Promise<HttpStream> {
    return withTimeout(signal ? { signal } : {}, timeoutMs, async (timed) => {
      const reply = await send(path, timed, streams)
      reply.socket.setKeepAlive(true, KEEPALIVE_MS)
      return { status: reply.statusCode ?? 0, chunks: reply, close: () => reply.destroy() }
    })
  }

  return {
    call,
    stream,
    close() {
      for (const aborter of active) aborter.abort()
      calls.destroy()
      streams.destroy()
    },
  }
}
