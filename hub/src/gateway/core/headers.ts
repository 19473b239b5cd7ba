/** Names that concern one connection, not the request: neither side may see the other's. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
])

/** Ours or the client's secrets; what of it goes on is written anew. */
const NOT_FORWARDED = new Set([
  "host",
  "content-length",
  "expect",
  "authorization",
  "x-api-key",
  "api-key",
  "cookie",
  // Nothing here unpacks: streams are looked at while they begin, and tokens are read from their end.
  "accept-encoding",
  "remote-user",
  "remote-groups",
  "x-boo-source",
  "x-boo-request-id",
  "x-boo-lease",
])

/** All that a frontier target hears of a client. A list of what is local would never be complete: each proxy has its own. */
const TO_TARGETS = new Set([
  "content-type",
  "accept",
  "user-agent",
  "idempotency-key",
  "anthropic-version",
  "anthropic-beta",
  "openai-beta",
])

export interface Upstream {
  /** A frontier target gets nothing that says who or where the client is. */
  readonly isTarget: boolean
  readonly key: string | null
  readonly dialect: "openai" | "anthropic"
  readonly source: string
  readonly requestId: string
}

/** Headers for the host, as a flat list: the client's own spelling and order, less what must not pass, plus ours. */
export function upstreamHeaders(rawHeaders: readonly string[], upstream: Upstream): string[] {
  const named = connectionNames(rawHeaders)
  const headers: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ""
    const lower = name.toLowerCase()
    if (HOP_BY_HOP.has(lower) || NOT_FORWARDED.has(lower) || named?.has(lower)) continue
    if (upstream.isTarget && !TO_TARGETS.has(lower)) continue
    headers.push(name, rawHeaders[at + 1] ?? "")
  }
  if (upstream.key !== null) {
    if (upstream.dialect === "anthropic") headers.push("x-api-key", upstream.key)
    else headers.push("authorization", `Bearer ${upstream.key}`)
  }
  if (!upstream.isTarget)
    headers.push("x-boo-source", upstream.source, "x-boo-request-id", upstream.requestId)
  return headers
}

/** What `Connection` names is of this connection too; nearly always there is nothing but keep-alive in it. */
function connectionNames(rawHeaders: readonly string[]): Set<string> | null {
  let names: Set<string> | null = null
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const value = rawHeaders[at + 1] ?? ""
    if (rawHeaders[at]?.toLowerCase() !== "connection" || value === "keep-alive") continue
    names ??= new Set()
    for (const name of value.split(",")) names.add(name.trim().toLowerCase())
  }
  return names
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Where clients find the id that this gateway gives a request: what another server called it stands beside it. */
const OTHER_IDS = new Set(["request-id", "x-request-id"])

/** Headers for the client, as a flat list. Which pages may read it is not for the host to say. */
export function replyHeaders(headers: Headers, ours: readonly string[]): string[] {
  const connection = headers["connection"]
  const named =
    typeof connection === "string" && connection !== "keep-alive" ? connection.toLowerCase() : null
  const reply: string[] = []
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || HOP_BY_HOP.has(name) || name.startsWith("x-boo-")) continue
    if (name.startsWith("access-control-")) continue
    if (named?.split(",").some((part) => part.trim() === name)) continue
    if (OTHER_IDS.has(name)) reply.push("x-boo-upstream-request-id", String(value))
    else if (typeof value === "string") reply.push(name, value)
    else for (const one of value) reply.push(name, one)
  }
  reply.push(...ours)
  return reply
}
