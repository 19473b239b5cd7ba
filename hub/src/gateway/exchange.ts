import type { IncomingMessage } from "node:http"
import type { Dispatcher } from "undici"
import type { EndpointKind } from "@boocontrol/shared/gateway"
import { NOWHERE } from "../platform/roster.ts"
import type { Seated } from "../platform/roster.ts"
import type { Answer } from "./answer.ts"
import { MAX_BODY_BYTES } from "./body.ts"
import type { ReadBody } from "./body.ts"
import type { FedBreakers } from "./breakers.ts"
import type { Forward } from "./core/endpoints.ts"
import { problems, refusalProblem } from "./core/errors.ts"
import type { GatewayProblem } from "./core/errors.ts"
import { isPage, mayBeTheRequest, verdictOn } from "./core/failures.ts"
import { replyHeaders, upstreamHeaders } from "./core/headers.ts"
import { endingOf } from "./core/sse.ts"
import { Tail } from "./tail.ts"
import type {
  Attempt,
  AttemptFailure,
  Passage,
  Refusal,
  RouteAsk,
  RoutingPort,
  TokenPrice,
  TokenUsage,
} from "./ports.ts"
import type { Pools } from "./pools.ts"
import { Relay } from "./relay.ts"
import type { FailedReply, RelayEnd, RelayListener } from "./relay.ts"
import { upstreamBody, upstreamPath } from "./upstream-body.ts"

export interface ExchangeDesk {
  readonly routing: RoutingPort
  readonly pools: Pools
  readonly breakers: FedBreakers
  now(): number
  /** Told once, at the end. */
  ended(end: ExchangeEnd): void
}

export interface ExchangeFacts {
  readonly request: IncomingMessage
  readonly answer: Answer
  readonly ask: RouteAsk
  readonly body: ReadBody
  readonly endpoint: Forward
  readonly startedMs: number
}

export interface ExchangeEnd {
  readonly ask: RouteAsk
  readonly kind: EndpointKind
  readonly outcome: "answered" | "failed" | "refused" | "left"
  readonly status: number | null
  readonly host: string | null
  readonly model: string | null
  readonly attempts: number
  readonly firstByteMs: number | null
  readonly durationMs: number
  readonly usage: TokenUsage | null
  /** Of whoever answered; null where nobody did, or what it costs there is not known. */
  readonly price: TokenPrice | null
  /** Of the answer, as far as it went. */
  readonly bytes: number
}

/** As many as a policy may ask for. Beyond this the fleet has spoken: further hosts would only be told of the same trouble. */
const MAX_ATTEMPTS = 10
/** Where hosts that have too much to do do not say when to come back. */
const BUSY_RETRY_S = 2
/** Between two pieces of an answer that has begun. A prompt is read before the first one. */
const STALLED_MS = 120_000

/**
 * One request from its body to its end.
 *
 * | state    | entered when                        | leaves when                                                    |
 * | -------- | ----------------------------------- | -------------------------------------------------------------- |
 * | choosing | it begins; an attempt failed early  | an attempt: trying; a refusal: over; the client left: over     |
 * | trying   | an attempt is sent                  | first byte: answering; failed: choosing; the client left: over |
 * | answering| the first byte of the answer        | end, failure or the client's leaving: over                     |
 * | over     | always once                         | never                                                          |
 */
export class Exchange implements RelayListener, Seated {
  seat = NOWHERE
  readonly #desk: ExchangeDesk
  readonly #facts: ExchangeFacts
  readonly #tail: Tail
  /** Failures that count against a host only if another host can answer the same request. */
  readonly #doubtful: { host: Attempt["host"]; failure: AttemptFailure }[] = []
  #state: "choosing" | "trying" | "answering" | "over" = "choosing"
  #passage: Passage | null = null
  #attempt: Attempt | null = null
  #relay: Relay | null = null
  #attempts = 0
  #attemptMs = 0
  #dueMs = Number.POSITIVE_INFINITY
  #lastByteMs = 0
  #firstByteMs: number | null = null
  #isStream = false
  #head: { status: number; headers: string[]; length: number | null } | null = null
  #status: number | null = null
  #lastReply: FailedReply | null = null
  /** Everyone who was asked said that it has too much to do. */
  #isOnlyBusy = true
  /** Who failed last, and how, in words. */
  #lastFailure: string | null = null
  #bodySpent = false

  constructor(desk: ExchangeDesk, facts: ExchangeFacts) {
    this.#desk = desk
    this.#facts = facts
    this.#tail = new Tail(facts.endpoint.kind)
  }

  start(): void {
    this.#passage = this.#desk.routing.open(this.#facts.ask)
    this.#choose()
  }

  /** The client is gone: what is under way for it ends. */
  left(): void {
    if (this.#state === "over") return
    this.#relay?.drop()
    const attempt = this.#attempt
    // Clients hang up at the last event, before the host has closed the stream: they have all of it.
    if (attempt !== null && this.#state === "answering" && this.#isStream && this.#ending() === "whole")
      return this.#answered(attempt)
    if (attempt !== null) {
      if (attempt.host !== null) this.#desk.breakers.undecided(attempt.host)
      attempt.abandoned()
    }
    this.#close("left", null)
  }

  /** The hub ends: the client is told, and what is under way for it ends. */
  stop(): void {
    if (this.#state === "over") return
    this.#relay?.drop()
    this.#attempt?.abandoned()
    this.#refuse(problems.upstream("the gateway is stopping", "gateway_error", 503), "failed")
  }

  /** Looks at the clock; called a few times a second. */
  tick(nowMs: number): void {
    if (nowMs < this.#dueMs || this.#attempt === null) return
    if (this.#state === "answering") {
      const silentMs = nowMs - this.#lastByteMs
      if (silentMs < STALLED_MS) this.#dueMs = this.#lastByteMs + STALLED_MS
      else if (this.#facts.answer.isHeldBack) this.#leaveWhoDoesNotRead()
      else this.#giveUp("stalled", `nothing came for ${Math.round(silentMs / 1000)} s`)
      return
    }
    const waitedMs = nowMs - this.#attemptMs
    const moreMs = this.#attempt.overdue(waitedMs)
    if (moreMs > 0) this.#dueMs = nowMs + moreMs
    else this.#giveUp("timeout", `no first byte within ${(waitedMs / 1000).toFixed(1)} s`)
  }

  /** The host would go on: it is the client that takes nothing. The slot is for those who do. */
  #leaveWhoDoesNotRead(): void {
    this.left()
    this.#facts.answer.cut()
  }

  #giveUp(kind: AttemptFailure["kind"], detail: string): void {
    this.#relay?.drop()
    this.failed({ kind, status: null, detail, reply: null })
  }

  #choose(): void {
    this.#state = "choosing"
    if (this.#bodySpent) return this.#exhausted(null)
    if (this.#attempts >= MAX_ATTEMPTS) return this.#exhausted(null)
    const next = this.#passage?.next()
    if (next === undefined) return
    if (!(next instanceof Promise)) return this.#onward(next)
    next.then(
      (chosen) => this.#onward(chosen),
      (error: unknown) => {
        if (this.#state !== "over")
          this.#refuse(problems.upstream(String(error), "gateway_error", 503), "refused")
      },
    )
  }

  #onward(chosen: Attempt | Refusal): void {
    if (this.#state === "over") {
      if (chosen.kind === "attempt") chosen.abandoned()
      return
    }
    if (chosen.kind === "attempt") this.#try(chosen)
    else this.#exhausted(chosen)
  }

  #try(attempt: Attempt): void {
    const { body, request, endpoint, ask } = this.#facts
    this.#state = "trying"
    this.#attempt = attempt
    this.#attempts++
    this.#attemptMs = this.#desk.now()
    this.#dueMs = this.#attemptMs + attempt.firstByteMs
    if (attempt.host !== null) this.#desk.breakers.trying(attempt.host, this.#attemptMs)
    const relay = new Relay(this)
    this.#relay = relay
    const headers = upstreamHeaders(request.rawHeaders, {
      ...{ isTarget: attempt.target !== null, key: attempt.upstreamKey, dialect: attempt.dialect },
      ...{ source: ask.source, requestId: ask.requestId },
    })
    const named = upstreamBody(body, attempt.model, {
      spent: () => void (this.#bodySpent = true),
      tooLarge: () => this.#tooLarge(),
    })
    if (named.length !== null) headers.push("content-length", String(named.length))
    try {
      this.#desk.pools.dispatch(
        attempt.baseUrl,
        {
          ...{ method: request.method ?? "POST", headers, body: named.body },
          path: upstreamPath(endpoint, body.model, attempt.model),
        },
        relay,
      )
    } catch (error) {
      // A header or path that cannot be written: the request's own fault, whatever the host.
      this.#attempt = null
      attempt.abandoned()
      this.#refuse(problems.badRequest(error instanceof Error ? error.message : String(error)), "refused")
    }
  }

  /** Of a body without a length it is known only now. */
  #tooLarge(): void {
    const attempt = this.#attempt
    if (attempt === null) return
    this.#relay?.drop()
    if (attempt.host !== null) this.#desk.breakers.undecided(attempt.host)
    this.#attempt = null
    attempt.abandoned()
    this.#refuse(problems.tooLarge(MAX_BODY_BYTES / (1024 * 1024)), "refused")
  }

  head({ status, headers, isStream, settled }: Parameters<RelayListener["head"]>[0]): void {
    if (this.#attempt === null) return
    // An earlier host's loading chunks have gone out: its head stands, and only the body goes on.
    if (this.#facts.answer.begun) {
      if (!isStream) return this.#notAStream(status)
    } else {
      const length = headers["content-length"]
      this.#head = {
        status,
        headers: replyHeaders(headers, this.#ours(this.#attempt)),
        length: typeof length === "string" ? Number(length) : null,
      }
    }
    this.#isStream = isStream
    this.#status = status
    if (settled) this.settled()
  }

  /** Loading had begun as a stream elsewhere, and this host answers with something else: its error, most likely. */
  #notAStream(status: number): void {
    this.#giveUp("status", `it answered ${status} in the middle of a stream`)
  }

  settled(): void {
    const attempt = this.#attempt
    if (attempt === null) return
    const nowMs = this.#desk.now()
    this.#state = "answering"
    this.#firstByteMs = nowMs - this.#facts.startedMs
    this.#lastByteMs = nowMs
    this.#dueMs = nowMs + STALLED_MS
    for (const { host, failure } of this.#doubtful.splice(0)) this.#count(host, failure)
    attempt.responded()
  }

  data(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    const { answer } = this.#facts
    const head = this.#head
    this.#tail.push(chunk)
    this.#lastByteMs = this.#desk.now()
    if (head !== null) {
      this.#head = null
      answer.begin(head.status, head.headers, this.#isStream)
      // Head, body and end in one write, as most answers come.
      if (head.length === chunk.length) return answer.end(chunk)
    }
    answer.write(chunk, controller)
  }

  end(): void {
    const attempt = this.#attempt
    if (attempt === null) return
    if (this.#isStream) {
      const ending = this.#ending()
      if (ending !== "whole") {
        const detail = "the stream ended before it was complete"
        return this.#broke({ kind: "broken_stream", status: null, detail, reply: null }, ending === "told")
      }
    }
    if (this.#head !== null) this.#facts.answer.begin(this.#head.status, this.#head.headers, this.#isStream)
    this.#facts.answer.end()
    this.#answered(attempt)
  }

  #ending(): ReturnType<typeof endingOf> {
    return endingOf(this.#facts.endpoint.kind, this.#tail.text())
  }

  #answered(attempt: Attempt): void {
    if (attempt.host !== null) this.#desk.breakers.succeeded(attempt.host)
    const usage = this.#tail.usage()
    const durationMs = this.#desk.now() - this.#attemptMs
    this.#attempt = null
    attempt.finished({
      ...{ status: this.#status ?? 200, durationMs, usage, bytes: this.#facts.answer.bytes },
      firstByteMs:
        this.#firstByteMs === null ? null : this.#firstByteMs - (this.#attemptMs - this.#facts.startedMs),
    })
    this.#close("answered", this.#status, { by: attempt, usage })
  }

  failed(end: RelayEnd): void {
    if (this.#state === "answering") return this.#broke(end, false)
    const attempt = this.#attempt
    if (attempt === null) return
    const failure = this.#failureOf(end, false)
    this.#attempt = null
    this.#lastFailure = `${attempt.host ?? attempt.target ?? "the host"}: ${failure.detail}`
    if (end.reply !== null) this.#lastReply = end.reply
    if (end.status !== 429) this.#isOnlyBusy = false
    if (failure.mayBeTheRequest) {
      this.#doubtful.push({ host: attempt.host, failure })
      if (attempt.host !== null) this.#desk.breakers.undecided(attempt.host)
    } else this.#count(attempt.host, failure)
    attempt.failed(failure)
    this.#choose()
  }

  /** After the first byte: the client is told in the place where the answer breaks off. */
  #broke(end: RelayEnd, isTold: boolean): void {
    const attempt = this.#attempt
    if (attempt === null) return
    const failure = this.#failureOf(end, true)
    this.#attempt = null
    this.#count(attempt.host, failure)
    attempt.failed(failure)
    const where = attempt.host ?? attempt.target ?? "the host"
    if (isTold) this.#facts.answer.end()
    else this.#facts.answer.refuse(problems.upstream(`${where}: ${end.detail}`, "upstream_lost"))
    this.#close("failed", this.#status, { by: attempt, usage: this.#tail.usage() })
  }

  #failureOf({ kind, status, detail }: RelayEnd, afterFirstByte: boolean): AttemptFailure {
    const afterMs = this.#desk.now() - this.#attemptMs
    return {
      kind,
      status,
      detail,
      afterFirstByte,
      afterMs,
      mayBeTheRequest: mayBeTheRequest({ kind, status }),
    }
  }

  #count(host: Attempt["host"], failure: AttemptFailure): void {
    const verdict = verdictOn(failure)
    if (host === null) return
    if (verdict === null) this.#desk.breakers.undecided(host)
    else this.#desk.breakers.failed(host, verdict, this.#desk.now())
  }

  /** Nobody is left. What a host said of the request itself is worth more than that nobody is left. */
  #exhausted(refusal: Refusal | null): void {
    const reply = this.#lastReply
    const passOn =
      reply !== null && !this.#facts.answer.begun && (reply.status === 500 || reply.status === 404)
    if (passOn && !isPage(reply.headers["content-type"])) {
      this.#facts.answer.begin(reply.status, replyHeaders(withoutLength(reply), this.#ours(null)), false)
      this.#facts.answer.end(reply.body)
      return this.#close("failed", reply.status)
    }
    if (this.#attempts > 0 && this.#isOnlyBusy) {
      const reason = this.#lastFailure ?? "every host is busy"
      const retryAfterS = retryAfterOf(reply) ?? BUSY_RETRY_S
      const candidates = refusal?.candidates ?? []
      return this.#refuse(refusalProblem({ code: "full", reason, retryAfterS, candidates }), "refused")
    }
    if (refusal === null)
      return this.#refuse(
        problems.upstream(this.#lastFailure ?? "no host answered", "gateway_error", 503),
        "failed",
      )
    // That those who failed are not asked again says little without how they failed.
    const reason = this.#lastFailure === null ? refusal.reason : `${this.#lastFailure}. ${refusal.reason}`
    this.#refuse(refusalProblem({ ...refusal, reason }), "refused")
  }

  #refuse(problem: GatewayProblem, outcome: "refused" | "failed"): void {
    this.#facts.answer.refuse(problem, this.#passage === null ? [] : this.#ours(null))
    this.#close(outcome, problem.status)
  }

  #ours(attempt: Attempt | null): string[] {
    const policy = this.#passage?.policy ?? null
    return [
      ...["x-boo-attempts", String(this.#attempts)],
      ...(policy === null ? [] : ["x-boo-policy", policy]),
      ...(attempt === null
        ? []
        : ["x-boo-host", attempt.host ?? attempt.target ?? "", "x-boo-model", attempt.model]),
    ]
  }

  #close(outcome: ExchangeEnd["outcome"], status: number | null, served: Served = NOT_SERVED): void {
    this.#state = "over"
    this.#attempt = null
    this.#dueMs = Number.POSITIVE_INFINITY
    this.#passage?.close({ outcome, status, attempts: this.#attempts })
    this.#desk.ended({
      ...{ ask: this.#facts.ask, outcome, status, attempts: this.#attempts, usage: served.usage },
      ...{ kind: this.#facts.endpoint.kind, bytes: this.#facts.answer.bytes },
      ...{ host: served.by?.host ?? served.by?.target ?? null, model: served.by?.model ?? null },
      price: served.by?.price ?? null,
      ...{ firstByteMs: this.#firstByteMs, durationMs: this.#desk.now() - this.#facts.startedMs },
    })
  }
}

interface Served {
  readonly by: Attempt | null
  readonly usage: TokenUsage | null
}
const NOT_SERVED: Served = { by: null, usage: null }

/** Seconds that a host asks for; null where it gives a date or nothing. */
function retryAfterOf(reply: FailedReply | null): number | null {
  const given = reply?.headers["retry-after"]
  return typeof given === "string" && /^\d{1,5}$/.test(given) ? Number(given) : null
}

function withoutLength({ headers, body }: FailedReply): Record<string, string | string[] | undefined> {
  return { ...headers, "content-length": String(body.length) }
}
