import type { Dispatcher } from "undici"
import { brokenBy, goesElsewhere, isPage } from "./core/failures.ts"
import { messageOf, open } from "./core/sse.ts"
import type { AttemptFailure } from "./ports.ts"

type Controller = Dispatcher.DispatchController
type Headers = Readonly<Record<string, string | string[] | undefined>>

/** An answer of a host that is none of use: kept, in case no other host has a better one. */
export interface FailedReply {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
}

export interface RelayEnd {
  readonly kind: AttemptFailure["kind"]
  readonly status: number | null
  readonly detail: string
  readonly reply: FailedReply | null
}

/** Whom a relay tells, in this order: `head`, `data` any number of times, then `end` or `failed`. */
export interface RelayListener {
  /** The answer begins. `settled` false: what follows may pass, but is not the answer yet (a model is loading). */
  head(reply: { status: number; headers: Headers; isStream: boolean; settled: boolean }): void
  /** The first byte of the answer is there. */
  settled(): void
  data(chunk: Buffer, controller: Controller): void
  end(): void
  failed(end: RelayEnd): void
}

const EMPTY = Buffer.alloc(0)
const LONGEST_FAILURE = 64 * 1024

/**
 * One attempt, as the connection tells of it.
 *
 * | state   | entered when                               | leaves when                                       |
 * | ------- | ------------------------------------------ | ------------------------------------------------- |
 * | waiting | the request is sent                        | a head: refused, opening or answering             |
 * | refused | a status that sends the request elsewhere  | the end of its body: failed                       |
 * | opening | a 200 that is an event stream              | the first event: answering, or failed             |
 * | answering | any other head, or the first real event  | the end of the body, or failed                    |
 * | over    | ended, failed or dropped                   | never: what still comes is not heard              |
 */
export class Relay implements Dispatcher.DispatchHandler {
  readonly #listener: RelayListener
  #state: "waiting" | "refused" | "opening" | "answering" | "over" = "waiting"
  #controller: Controller | null = null
  #held: Buffer = EMPTY
  #status = 0
  #headers: Headers = {}
  #begun = false

  constructor(listener: RelayListener) {
    this.#listener = listener
  }

  /** Ends it at the host too: the connection is closed, and the host frees the slot. Nothing more is heard. */
  drop(): void {
    if (this.#state === "over") return
    this.#state = "over"
    this.#controller?.abort(new Error("no longer wanted"))
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller
    if (this.#state === "over") controller.abort(new Error("no longer wanted"))
  }

  onResponseStart(_controller: Controller, status: number, headers: Headers): void {
    if (this.#state === "over" || status < 200) return
    this.#status = status
    this.#headers = headers
    const type = headers["content-type"]
    if (goesElsewhere(status) || (status < 300 && isPage(type))) {
      this.#state = "refused"
    } else if (status === 200 && isEventStream(type)) {
      this.#state = "opening"
    } else {
      this.#state = "answering"
      this.#listener.head({ status, headers, isStream: false, settled: true })
    }
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    switch (this.#state) {
      case "answering":
        return this.#listener.data(chunk, controller)
      case "opening":
        return this.#open(controller, chunk)
      case "refused":
        if (this.#held.length < LONGEST_FAILURE) this.#held = Buffer.concat([this.#held, chunk])
        return
      case "waiting":
      case "over":
        return
    }
  }

  onResponseEnd(): void {
    switch (this.#state) {
      case "answering":
        this.#state = "over"
        return this.#listener.end()
      case "refused":
        return this.#fail("status", this.#refusalText())
      case "opening":
        return this.#endedEarly()
      case "waiting":
      case "over":
        return
    }
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.#state === "over") return
    if (this.#state === "refused") return this.#fail("status", this.#refusalText())
    const { kind, detail } = brokenBy(error, this.#state === "answering")
    this.#fail(kind, detail)
  }

  #open(controller: Controller, chunk: Buffer): void {
    const { passable, opening, rest } = open(this.#held, chunk)
    this.#held = rest
    if (passable.length > 0) {
      this.#begin(false)
      this.#listener.data(passable, controller)
    }
    if (opening.kind === "waiting") return
    if (opening.kind === "error") {
      this.drop()
      return this.#fail("loading_failed", opening.message)
    }
    this.#state = "answering"
    this.#begin(true)
    this.#listener.data(rest, controller)
  }

  #begin(settled: boolean): void {
    if (!this.#begun) {
      this.#begun = true
      this.#listener.head({ status: this.#status, headers: this.#headers, isStream: true, settled })
    } else if (settled) {
      this.#listener.settled()
    }
  }

  /** The stream ended before its first event; what is held may be the words of an error. */
  #endedEarly(): void {
    const text = this.#held.toString("utf8").trim()
    if (text !== "") return this.#fail("loading_failed", messageOf(text))
    this.#fail("broken_stream", "the stream ended before its first event")
  }

  #refusalText(): string {
    if (isPage(this.#headers["content-type"])) return `it answered ${this.#status} with a web page`
    const text = this.#held.length > 0 ? messageOf(this.#held.toString("utf8")) : ""
    return text === "" ? `it answered ${this.#status}` : `it answered ${this.#status}: ${text}`
  }

  #fail(kind: AttemptFailure["kind"], detail: string): void {
    const wasRefused = this.#state === "refused"
    this.#state = "over"
    const status = this.#status === 0 ? null : this.#status
    const reply = wasRefused ? { status: this.#status, headers: this.#headers, body: this.#held } : null
    this.#listener.failed({ kind, status, detail, reply })
  }
}

function isEventStream(type: Headers[string]): boolean {
  return typeof type === "string" && /^text\/event-stream\b/i.test(type)
}
