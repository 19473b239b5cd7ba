import type { ServerResponse } from "node:http"
import type { Dispatcher } from "undici"
import type { EndpointKind } from "@boocontrol/shared/gateway"
import type { Api } from "./core/endpoints.ts"
import { errorBody } from "./core/errors.ts"
import type { GatewayProblem } from "./core/errors.ts"
import { errorEvent } from "./core/sse.ts"

export interface AnswerFacts {
  readonly response: ServerResponse
  readonly api: Api
  readonly kind: EndpointKind
  readonly requestId: string
  /** Headers of every answer, whoever made it. */
  readonly standing: readonly string[]
}

const LAST_CHUNK = Buffer.from("0\r\n\r\n")
/** Node has so many bytes of room to write a string from without asking for more. */
const IN_ONE_PIECE = 12 * 1024

function framed(chunk: Buffer): Buffer {
  const head = `${chunk.length.toString(16)}\r\n`
  const whole = Buffer.allocUnsafe(head.length + chunk.length + 2)
  whole.write(head, 0, "latin1")
  chunk.copy(whole, head.length)
  whole[whole.length - 2] = 0x0d
  whole[whole.length - 1] = 0x0a
  return whole
}

/** Where the client of each API looks for the id of a request, to say which one it was. */
const ID_HEADER: Readonly<Record<Api, string>> = { openai: "x-request-id", anthropic: "request-id" }

/** What goes to the client: one head, then bytes as fast as the client takes them, then an end of the right shape. */
export class Answer {
  readonly #response: ServerResponse
  readonly #api: Api
  readonly #kind: EndpointKind
  readonly #requestId: string
  /** Headers of every answer. */
  readonly #standing: readonly string[]
  #isStream = false
  /** Chunks of the transfer are framed here, each in one buffer with its data: Node writes four pieces for each. */
  #isFramed = false
  #isHeadOut = false
  #waiting: Buffer[] = []
  bytes = 0

  constructor({ response, api, kind, requestId, standing }: AnswerFacts) {
    this.#response = response
    this.#api = api
    this.#kind = kind
    this.#requestId = requestId
    this.#standing = ["x-boo-request-id", requestId, ID_HEADER[api], requestId, ...standing]
  }

  get begun(): boolean {
    return this.#response.headersSent
  }

  /** The client does not take what is there for it. */
  get isHeldBack(): boolean {
    return this.#response.writableNeedDrain || this.#response.socket?.writableNeedDrain === true
  }

  /** Without a word: nobody reads. */
  cut(): void {
    this.#response.destroy()
  }

  begin(status: number, headers: string[], isStream: boolean): void {
    this.#isStream = isStream
    this.#response.writeHead(status, [...headers, ...this.#standing])
    if (!this.#response.chunkedEncoding) return
    this.#response.chunkedEncoding = false
    this.#isFramed = true
  }

  /** Pauses the source where the client does not keep up. */
  write(chunk: Buffer, source: Dispatcher.DispatchController): void {
    // Framed, nothing would be the end.
    if (chunk.length === 0) return
    this.bytes += chunk.length
    if (this.#isFramed) return this.#writeSoon(chunk, source)
    if (this.#response.write(chunk) || source.paused) return
    source.pause()
    this.#response.once("drain", () => source.resume())
  }

  /**
   * All that one read of the source brought goes out in one piece, and past the response where that has sent its head:
   * Node corks the connection for each write to it.
   */
  #writeSoon(chunk: Buffer, source: Dispatcher.DispatchController): void {
    this.#waiting.push(chunk)
    if (this.#waiting.length > 1) return
    queueMicrotask(() => {
      const out = this.#taken()
      if (out === null || this.#response.destroyed) return
      // None while the answer before this one is still being written.
      const { socket } = this.#response
      const to = socket === null || !this.#isHeadOut ? this.#response : socket
      this.#isHeadOut = true
      if (to.write(out) || source.paused) return
      source.pause()
      to.once("drain", () => source.resume())
    })
  }

  #taken(): Buffer | null {
    const waiting = this.#waiting
    if (waiting.length === 0) return null
    this.#waiting = []
    const [only] = waiting
    return framed(only !== undefined && waiting.length === 1 ? only : Buffer.concat(waiting))
  }

  end(chunk?: Buffer): void {
    if (chunk !== undefined) this.bytes += chunk.length
    if (this.#isFramed) return this.#endFramed(chunk)
    // One string of head and body is the one thing that Node hands to the system in one piece.
    if (chunk !== undefined && chunk.length <= IN_ONE_PIECE) {
      this.#response.end(chunk.toString("latin1"), "latin1")
    } else this.#response.end(chunk)
  }

  #endFramed(chunk: Buffer | undefined): void {
    if (chunk !== undefined && chunk.length > 0) this.#waiting.push(chunk)
    const out = this.#taken()
    this.#response.end(out === null ? LAST_CHUNK : Buffer.concat([out, LAST_CHUNK]))
  }

  /** The problem in the shape of the API: as a reply, or as the last event of a stream that has begun. */
  refuse(problem: GatewayProblem, headers: readonly string[] = []): void {
    if (!this.begun) return this.#reply(problem, headers)
    if (this.#isStream) {
      const event = Buffer.from(errorEvent(this.#kind, problem))
      if (this.#isFramed) this.#endFramed(event)
      else this.#response.end(event)
    }
    // There is no place for words in a body with a length: the client must see that it is not whole.
    else this.#response.destroy()
  }

  #reply(problem: GatewayProblem, headers: readonly string[]): void {
    const body = Buffer.from(JSON.stringify(errorBody(this.#api, problem, this.#requestId)))
    this.#response.writeHead(problem.status, [
      ...["content-type", "application/json", "content-length", String(body.length)],
      ...retryHeaders(problem.retryAfterS),
      ...headers,
      ...this.#standing,
    ])
    this.end(body)
  }
}

/** OpenAI's and Anthropic's clients try each 409, 429 and 5xx twice more, unless they are told not to. */
function retryHeaders(afterS: number | null | undefined): string[] {
  if (afterS === undefined) return []
  return afterS === null
    ? ["x-should-retry", "false"]
    : ["retry-after", String(Math.max(1, Math.ceil(afterS)))]
}
