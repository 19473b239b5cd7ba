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
}

/** What goes to the client: one head, then bytes as fast as the client takes them, then an end of the right shape. */
export class Answer {
  readonly #response: ServerResponse
  readonly #api: Api
  readonly #kind: EndpointKind
  readonly #requestId: string
  #isStream = false
  bytes = 0

  constructor({ response, api, kind, requestId }: AnswerFacts) {
    this.#response = response
    this.#api = api
    this.#kind = kind
    this.#requestId = requestId
  }

  get begun(): boolean {
    return this.#response.headersSent
  }

  begin(status: number, headers: string[], isStream: boolean): void {
    this.#isStream = isStream
    this.#response.writeHead(status, headers)
  }

  /** Pauses the source where the client does not keep up. */
  write(chunk: Buffer, source: Dispatcher.DispatchController): void {
    this.bytes += chunk.length
    if (this.#response.write(chunk) || source.paused) return
    source.pause()
    this.#response.once("drain", () => source.resume())
  }

  end(chunk?: Buffer): void {
    if (chunk !== undefined) this.bytes += chunk.length
    this.#response.end(chunk)
  }

  /** The problem in the shape of the API: as a reply, or as the last event of a stream that has begun. */
  refuse(problem: GatewayProblem, headers: readonly string[] = []): void {
    if (!this.begun) return this.#reply(problem, headers)
    if (this.#isStream) this.#response.end(errorEvent(this.#kind, problem))
    // There is no place for words in a body with a length: the client must see that it is not whole.
    else this.#response.destroy()
  }

  #reply(problem: GatewayProblem, headers: readonly string[]): void {
    const body = Buffer.from(JSON.stringify(errorBody(this.#api, problem, this.#requestId)))
    const retry = problem.retryAfterS ?? null
    this.#response.writeHead(problem.status, [
      ...["content-type", "application/json", "content-length", String(body.length)],
      ...["x-boo-request-id", this.#requestId],
      ...(retry === null ? [] : ["retry-after", String(Math.max(1, Math.ceil(retry)))]),
      ...headers,
    ])
    this.end(body)
  }
}
