import type { IncomingMessage, ServerResponse } from "node:http"
import type { Reply } from "../llama/reply.ts"
import { goJson } from "../go-json.ts"

const HTML = "text/html; charset=utf-8"

/** One HTTP request and its answer, with the bytes counted for the access log. */
export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  method: string
  path: string
  query: URLSearchParams
  headers: Record<string, string>
  remoteIp: string
  /** Aborts when the client leaves before the end. */
  gone: AbortSignal
  bytes(): number
  text(status: number, body: string, headers?: Record<string, string>): void
  /** As Go's json.Encoder: with a line feed at the end. */
  json(status: number, value: unknown): void
  redirect(status: number, location: string): void
  reply: Reply
  body(): Promise<string>
}

export function createExchange(request: IncomingMessage, response: ServerResponse): Exchange {
  const url = new URL(request.url ?? "/", "http://host.invalid")
  const headers = firstValues(request)
  const gone = new AbortController()
  let bytes = 0
  response.on("close", () => {
    if (!response.writableFinished) gone.abort("client-gone")
  })

  function text(status: number, body: string, extra: Record<string, string> = {}) {
    bytes += Buffer.byteLength(body)
    response.writeHead(status, { "Content-Length": String(Buffer.byteLength(body)), ...extra })
    response.end(body)
  }

  const exchange: Exchange = {
    request,
    response,
    method: request.method ?? "GET",
    path: decodePath(url.pathname),
    query: url.searchParams,
    headers,
    remoteIp: remoteIp(headers, request.socket.remoteAddress ?? ""),
    gone: gone.signal,
    bytes: () => bytes,
    text,
    json: (status, value) => text(status, `${goJson(value)}\n`, { "Content-Type": "application/json" }),
    redirect(status, location) {
      const name = status === 302 ? "Found" : "Moved Permanently"
      if (status === 308) text(status, "", { Location: location })
      else
        text(status, `<a href="${location}">${name}</a>.\n\n`, { Location: location, "Content-Type": HTML })
    },
    reply: {
      reads: true,
      head: (status, values) => void response.writeHead(status, values),
      write(chunk) {
        bytes += Buffer.byteLength(chunk)
        response.write(chunk)
      },
      count() {},
      end: () => void response.end(),
    },
    async body() {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(Buffer.from(chunk))
      return Buffer.concat(chunks).toString("utf8")
    },
  }
  return exchange
}

function firstValues(request: IncomingMessage): Record<string, string> {
  const names = Object.entries(request.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value[0] : value,
  ])
  return Object.fromEntries(names.filter(([, value]) => value !== undefined))
}

function remoteIp(headers: Record<string, string>, socketAddress: string): string {
  const forwarded = headers["x-forwarded-for"]?.split(",")[0]?.trim() ?? headers["x-real-ip"]?.trim()
  return forwarded || socketAddress.replace(/^::ffff:/, "")
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
