import type { AttemptFailure } from "../ports.ts"
import type { FailureKind } from "./breaker.ts"
import { tlsProblem } from "./tls.ts"

/** Answers that say "not here, not now": another host may do better. Everything else is the client's own. */
const ELSEWHERE = new Set([401, 402, 403, 404, 408, 429])

/**
 * A frontier target's 401 is a wrong key of ours, its 402 an account of ours without money, its 404 a model it does not
 * have; a redirect leads to a login or another address, and is not the client's to follow. All are worth another candidate.
 */
export function goesElsewhere(status: number): boolean {
  return status >= 500 || (status >= 300 && status < 400 && status !== 304) || ELSEWHERE.has(status)
}

/** No endpoint answers with a page: it is a proxy's login, or the web server of an address that is no API's. */
export function isPage(contentType: string | string[] | undefined): boolean {
  return typeof contentType === "string" && /^text\/html\b/i.test(contentType)
}

/**
 * What a failure says of the host; null where it says nothing. A 404 is a name this host does not know, a 500 may be the
 * fault of the request, which is known only when another host has answered the same one.
 */
export function verdictOn({ kind, status }: Pick<AttemptFailure, "kind" | "status">): FailureKind | null {
  switch (kind) {
    case "refused":
    case "unreachable":
    case "tls":
      return "refused"
    case "reset":
      return "reset"
    case "timeout":
    case "stalled":
      return "stalled"
    case "broken_stream":
      return "broken_stream"
    case "loading_failed":
      return "server_error"
    case "status":
      if (status === 404 || status === 408) return null
      return status === 429 ? "busy" : "server_error"
    default:
      return null
  }
}

/** Whether it may be the request itself that no host can answer. */
export function mayBeTheRequest({ kind, status }: Pick<AttemptFailure, "kind" | "status">): boolean {
  return kind === "loading_failed" || (kind === "status" && status === 500)
}

const REFUSED = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EADDRNOTAVAIL"])
const UNREACHABLE = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "EHOSTDOWN",
])

/** What became of a connection: by code, never by the words of the message. */
export function brokenBy(
  error: Error,
  afterFirstByte: boolean,
): { kind: AttemptFailure["kind"]; detail: string } {
  const code = "code" in error ? String(error.code) : ""
  const detail = error.message
  if (REFUSED.has(code)) return { kind: "refused", detail }
  if (UNREACHABLE.has(code)) return { kind: "unreachable", detail }
  const tls = afterFirstByte ? null : tlsProblem(code)
  if (tls !== null) return { kind: "tls", detail: tls }
  return { kind: afterFirstByte ? "broken_stream" : "reset", detail }
}
