import type { Reply } from "../llama/reply.ts"
import { goJson } from "../go-json.ts"
import type { Edition } from "../scenario.ts"

const KINDS: Record<number, { type: string; code: string }> = {
  400: { type: "invalid_request_error", code: "bad_request" },
  401: { type: "authentication_error", code: "unauthorized" },
  404: { type: "invalid_request_error", code: "not_found" },
  409: { type: "invalid_request_error", code: "conflict" },
  429: { type: "rate_limit_error", code: "concurrency_limit" },
  500: { type: "server_error", code: "internal_error" },
  502: { type: "server_error", code: "bad_gateway" },
  503: { type: "server_error", code: "service_unavailable" },
}

/** llama-swap's own refusal: `error` is a string up to v250 and an object after it. */
export function errorBody(edition: Edition, status: number, message: string): unknown {
  if (!edition.afterV250) return { error: message, src: "llama-swap" }
  const { type, code } = KINDS[status] ?? { type: "server_error", code: "internal_error" }
  return { src: "llama-swap", error: { message, type, param: null, code } }
}

export interface Refusal {
  status: number
  message: string
  accept?: string
  headers?: Record<string, string>
}

export function refuse(reply: Reply, edition: Edition, refusal: Refusal) {
  const { status, message, accept = "", headers = {} } = refusal
  if (accept.includes("text/plain")) {
    reply.head(status, { ...headers, "Content-Type": "text/plain" })
    reply.write(`llama-swap: ${message}`)
    reply.end()
  } else if (accept.includes("text/html")) {
    reply.head(status, { ...headers, "Content-Type": "text/html" })
    reply.write(`<html><body><h1>llama-swap</h1><p>${message}</p></body></html>`)
    reply.end()
  } else {
    reply.head(status, { ...headers, "Content-Type": "application/json" })
    reply.write(goJson(errorBody(edition, status, message)))
    reply.end()
  }
}

/** Always JSON, whatever the client accepts, and without `src` up to v250. */
export function refuseTooMany(reply: Reply, edition: Edition) {
  const body = edition.afterV250
    ? errorBody(edition, 429, "Too many requests")
    : { error: "Too many requests" }
  reply.head(429, { "Content-Type": "application/json", "Retry-After": "1" })
  reply.write(JSON.stringify(body))
  reply.end()
}
