import { hash } from "node:crypto"
import type { IncomingMessage } from "node:http"
import type { EndpointKind } from "@boocontrol/shared/gateway"

import type { ReadBody } from "./body.ts"
import type { Forward } from "./core/endpoints.ts"
import type { RouteAsk } from "./ports.ts"

/** Enough of a prompt to tell one conversation from another, and the same for all its turns. */
const PREFIX_BYTES = 1024
const MAX_LABEL_CHARS = 200
const SESSION_HEADERS = ["x-session-id", "x-litellm-session-id", "session_id", "x-conversation-id"]
const SECRETS = new Set(["authorization", "x-api-key", "api-key", "cookie", "proxy-authorization"])

// As they stand in JSON outside of strings: inside of one each quote would be preceded by a backslash.
const IMAGE_MARKS = ['"image_url"', '"input_image"', '"image"'].map((mark) => Buffer.from(mark))
// Seven bytes and less are searched for four times as fast as longer ones: where none of these is, none of the marks is.
const IMAGE_LEADS = ['"image', '"input_'].map((lead) => Buffer.from(lead))
const [COLON, SPACE, NEWLINE, TAB, RETURN] = [0x3a, 0x20, 0x0a, 0x09, 0x0d]

/** As the type of a part, not as the name of something: a tool may have a parameter that is called image. */
function marks(body: Buffer, mark: Buffer): boolean {
  for (let at = body.indexOf(mark); at !== -1; at = body.indexOf(mark, at + 1)) {
    let after = at + mark.length
    for (let byte = body[after]; byte !== undefined; byte = body[++after])
      if (byte !== SPACE && byte !== NEWLINE && byte !== TAB && byte !== RETURN) break
    if (body[after] !== COLON) return true
  }
  return false
}

export interface AskFacts {
  readonly requestId: string
  readonly endpoint: Pick<Forward, "kind" | "servedBy" | "path" | "upstream">
  readonly source: string
  readonly keyLabel: string | null
  readonly request: IncomingMessage
  readonly body: ReadBody
}

/** A request in the words of whoever decides. What costs a look at body or headers is looked at when it is asked for, once. */
export class Ask implements RouteAsk {
  readonly requestId: string
  readonly endpoint: EndpointKind
  readonly servedBy: Forward["servedBy"]
  readonly source: string
  readonly keyLabel: string | null
  readonly model: string
  readonly stream: boolean
  readonly maxTokens: number | null
  readonly hasTools: boolean
  readonly promptBytes: number | null
  readonly #path: string
  readonly #request: IncomingMessage
  readonly #body: ReadBody
  #headers: ReadonlyMap<string, string> | null = null
  #hasImages: boolean | null = null
  #prefix: string | null | undefined

  constructor({ requestId, endpoint, source, keyLabel, request, body }: AskFacts) {
    this.requestId = requestId
    this.endpoint = endpoint.kind
    this.servedBy = endpoint.servedBy
    this.source = source
    this.keyLabel = keyLabel
    this.model = body.model
    this.stream = body.scanned?.stream ?? false
    this.maxTokens = body.scanned?.maxTokens ?? null
    this.hasTools = body.scanned?.hasTools ?? false
    this.promptBytes = body.bytes
    // A row of the engine knows nothing of the model in the path.
    this.#path = endpoint.upstream?.rest ?? endpoint.path
    this.#request = request
    this.#body = body
  }

  get hasImages(): boolean {
    const { scanned, head } = this.#body
    this.#hasImages ??=
      scanned !== null &&
      IMAGE_LEADS.some((lead) => head.includes(lead)) &&
      IMAGE_MARKS.some((mark) => marks(head, mark))
    return this.#hasImages
  }

  get lease(): RouteAsk["lease"] {
    return leaseOf(this.#request.headers["x-boo-lease"])
  }

  get session(): string | null {
    for (const name of SESSION_HEADERS) {
      const value = this.#request.headers[name]
      if (typeof value === "string" && value !== "") return value.slice(0, MAX_LABEL_CHARS)
    }
    return null
  }

  get path(): string {
    const mark = this.#path.indexOf("?")
    return mark === -1 ? this.#path : this.#path.slice(0, mark)
  }

  get clientIp(): string | null {
    return this.#request.socket.remoteAddress?.replace(/^::ffff:/, "") ?? null
  }

  get userAgent(): string | null {
    return this.#request.headers["user-agent"]?.slice(0, MAX_LABEL_CHARS) || null
  }

  get prefix(): string | null {
    if (this.#prefix !== undefined) return this.#prefix
    const at = this.#body.scanned?.promptAt ?? null
    this.#prefix =
      at === null ? null : hash("sha1", this.#body.head.subarray(at, at + PREFIX_BYTES), "base64url")
    return this.#prefix
  }

  get headers(): ReadonlyMap<string, string> {
    this.#headers ??= plainHeaders(this.#request)
    return this.#headers
  }
}

/** `<id>[;<token>]`; what is neither names no lease. */
export function leaseOf(header: string | string[] | undefined): RouteAsk["lease"] {
  const match = /^\s*([0-9a-zA-Z-]{1,64})\s*(?:;\s*(\d{1,15}))?\s*$/.exec(String(header ?? ""))
  if (!match?.[1]) return null
  return { id: match[1], token: match[2] === undefined ? null : Number(match[2]) }
}

function plainHeaders({ headers }: IncomingMessage): ReadonlyMap<string, string> {
  const plain = new Map<string, string>()
  for (const [name, value] of Object.entries(headers)) {
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined && !SECRETS.has(name)) plain.set(name, first)
  }
  return plain
}
