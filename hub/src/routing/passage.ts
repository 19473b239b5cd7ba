import { RefusalCode } from "@boocontrol/shared/gateway"
import type { HostId } from "@boocontrol/shared/ids"
import type { RouteAsk } from "@boocontrol/shared/routing"
import type { TokenPrices } from "@boocontrol/shared/token-cost"
import { failureKind, isLasting } from "./core/breaker.ts"
import { isOnlyFull } from "./core/decide.ts"
import type { Decision, Ranked } from "./core/decide.ts"
import { mayPass, refusalIn } from "./core/explain.ts"
import { placeKey, priceOf, providerOf } from "./core/view.ts"
import type { HostPlace } from "./core/view.ts"
import type { CountedUsage, DispatchEnd } from "./dispatch-log.ts"
import type { GatewayAsk } from "./ports.ts"
import type { RoutingParts } from "./parts.ts"

/** One attempt as the gateway carries it out. */
export interface Attempt {
  readonly kind: "attempt"
  readonly host: HostId | null
  readonly target: string | null
  readonly model: string
  readonly baseUrl: string
  readonly upstreamKey: string | null
  readonly dialect: "openai" | "anthropic"
  readonly price: TokenPrices
  readonly firstByteMs: number
  overdue(waitedMs: number): number
  responded(): void
  failed(why: AttemptFailure): void
  finished(facts: AttemptFacts): void
  abandoned(): void
}

export interface AttemptFailure {
  readonly kind: string
  readonly status: number | null
  readonly detail: string
  readonly afterFirstByte: boolean
  readonly afterMs: number
  /** Whether no host may be able to answer this request: it says something of this host once another one has. */
  readonly mayBeTheRequest: boolean
}

export interface AttemptFacts {
  readonly status: number
  readonly firstByteMs: number | null
  readonly durationMs: number
  readonly usage: CountedUsage | null
}

export interface Refusal {
  readonly kind: "refusal"
  readonly code: RefusalCode
  readonly reason: string
  readonly retryAfterS: number | null
  readonly candidates: readonly { host: string; model: string; reason: string }[]
}

export interface Passage {
  readonly policy: string | null
  next(): Attempt | Refusal | Promise<Attempt | Refusal>
  /** Whoever waits in the queue leaves it: that turn never comes. */
  close(end: { readonly outcome: "answered" | "failed" | "refused" | "left" }): void
}

/** Long enough for a few turns of a busy fleet; a policy may say otherwise. */
const MAX_WAIT_MS = 180_000
const MAX_ATTEMPTS = 4
/** Beyond what was expected: a warm host that says nothing for so long has stalled. */
const WARM_SPARE_MS = 20_000
const UNSIZED_SPARE_MS = 300_000
const WHOLE_ANSWER_MS = 600_000
const COLD_SPARE_MS = 30_000
const LOADING_MORE_MS = 10_000
const LONGEST_FIRST_BYTE_MS = 900_000

/** The way of one request: decides, waits for its turn, and decides again without whoever failed it. */
export function openPassage(given: GatewayAsk, parts: RoutingParts): Passage {
  const ask = askOf(given)
  const tried = new Set<string>()
  /** Of those: who failed by what stays as it is. */
  const lasting = new Set<string>()
  const openedMs = parts.clock.now()
  /** Failures of hosts that count once another host has answered: else it was the request. */
  const doubtful: (() => void)[] = []
  let attempts = 0
  /** Set while it waits in the queue. */
  let leaveQueue: ((reason: string) => void) | null = null
  let pending: { decision: Decision; ranked: Ranked; sinceMs: number; isSwap: boolean } | null = null
  const policyName = parts.policyOf(given.model)
  // It takes no slot, loads nothing and says nothing of how long answers take.
  const isLook = given.servedBy === "loaded"
  // Counted once, by what it asks for: what it is served by comes later, and is not another request.
  let isCounted = false

  const log = (end: Omit<DispatchEnd, "ask" | "given" | "atMs" | "attempt">): void =>
    parts.log({ ...end, ask, given, atMs: parts.clock.now(), attempt: attempts })

  const attemptOf = (ranked: Ranked, decision: Decision, isSwap: boolean): Attempt => {
    attempts += 1
    const provider = providerOf(ranked.place)
    const model = ranked.place.model.id
    const startMs = parts.clock.now()
    const wasLoading = ranked.place.kind === "host" && ranked.place.model.state !== "ready"
    pending = { decision, ranked, sinceMs: startMs, isSwap }
    parts.sent(given.requestId, provider, model)
    const waitMs = startMs - openedMs
    const end = (outcome: DispatchEnd["outcome"], more: Partial<DispatchEnd>): void => {
      if (!pending) return
      pending = null
      parts.ended(given.requestId, provider, model)
      log({
        decision,
        ranked,
        waitMs,
        isSwap,
        outcome,
        reason: null,
        ttftMs: null,
        durationMs: null,
        usage: null,
        isSent: true,
        status: null,
        ...more,
      })
    }
    return {
      ...{ kind: "attempt", model, ...parts.addressOf(ranked.place) },
      price: priceOf(ranked.place),
      firstByteMs: firstByteMs(ranked, given, ask.prompt_tokens !== null),
      overdue: (waitedMs) => moreMs(ranked, waitedMs, parts),
      responded() {
        for (const count of doubtful.splice(0)) count()
        parts.answered(provider, model)
      },
      failed({ kind, status, detail, afterFirstByte, afterMs, mayBeTheRequest }) {
        tried.add(wasLoading && isOfTheLoad(kind, status) ? placeKey(provider, model) : provider)
        if (isLasting(failureKind({ kind, status }))) lasting.add(provider)
        const count = (): void => parts.failed(provider, model, { kind, status })
        if (mayBeTheRequest) {
          doubtful.push(count)
          parts.undecided(provider, model)
        } else count()
        const reason = `${kind}${status === null ? "" : ` ${status}`}: ${detail}`.slice(0, 500)
        const isSent = !UNSENT_BY.has(kind)
        end("failed", {
          reason,
          durationMs: afterMs,
          ttftMs: afterFirstByte ? afterMs : null,
          isSent,
          status,
        })
      },
      finished({ status, firstByteMs: ttftMs, durationMs, usage }) {
        parts.succeeded(ranked.place, { given, usage, servedMs: durationMs })
        end("ok", { ttftMs, durationMs, usage, status, reason: status >= 400 ? `status ${status}` : null })
      },
      abandoned() {
        parts.undecided(provider, model)
        end("cancelled", { reason: "the client left", durationMs: parts.clock.now() - startMs })
      },
    }
  }

  /** `over`: what was full, where it is not the decision itself that leaves nobody. */
  const refuse = (decision: Decision, over: "wait" | "queue" | null): Refusal => {
    const isOver = over !== null
    const { reason, message } = isOver
      ? {
          reason: "full",
          message: `Everyone who could serve ${ask.model} is busy, and ${OVER[over]}`,
        }
      : refusalIn(decision)
    const code = CODES.find((one) => one === reason) ?? "no_model"
    const passedOver = decision.refused.map(({ place, refused: { why } }) => ({ place, reason: why }))
    const busy = isOver ? decision.ranked.map(({ place }) => ({ place, reason: "busy" })) : []
    const candidates = [...busy, ...passedOver].map(({ place, reason: why }) => ({
      ...{ host: providerOf(place), model: place.model.id, reason: why },
    }))
    const waitMs = parts.clock.now() - openedMs
    log({ ...UNSENT, decision, waitMs, outcome: "refused", reason: `${code}: ${message}`.slice(0, 500) })
    const isInVain = UNCHANGING.has(code) || !(isOver || mayPass(decision, lasting))
    const retryAfterS = isInVain ? null : isOver ? 10 : 2
    return { kind: "refusal", code, reason: message, retryAfterS, candidates: candidates.slice(0, 50) }
  }

  const wait = (decision: Decision, maxMs: number): Promise<Attempt | Refusal> =>
    new Promise((resolve) => {
      let isSettled = false
      const settle = (outcome: Attempt | Refusal): void => {
        isSettled = true
        leaveQueue = null
        resolve(outcome)
      }
      const leave = parts.room.enter({
        ...{ ask, tried, source: given.source, sinceMs: openedMs, untilMs: openedMs + maxMs },
        kind: kindOf(ask, tried),
        granted: (ranked, by, isLoad) => settle(attemptOf(ranked, by, isLoad)),
        given: ({ decision: by, isOver }) => settle(refuse(by, isOver ? "wait" : null)),
      })
      // Its turn may have come at once.
      if (isSettled) return
      leaveQueue = (reason) => {
        leaveQueue = null
        leave()
        const waitMs = parts.clock.now() - openedMs
        log({ ...UNSENT, decision, waitMs, outcome: "cancelled", reason })
      }
    })

  return {
    policy: policyName,
    next() {
      const decision = parts.decide(ask, tried)
      const [best] = decision.ranked
      const { attempts: most = MAX_ATTEMPTS, max_wait_s: maxWaitS } = decision.rule.dispatch ?? {}
      const mayWait = best !== undefined || isOnlyFull(decision)
      if (!mayWait || attempts >= most) return refuse(decision, null)
      if (!isCounted && !isLook && best?.place.kind === "host")
        parts.room.demand.asked(best.place.model.id, openedMs)
      isCounted = true
      if (best && (isLook || isOpen(best, parts))) return attemptOf(best, decision, false)
      if (parts.room.isFull(given.source)) return refuse(decision, "queue")
      return wait(decision, maxWaitS === undefined ? MAX_WAIT_MS : maxWaitS * 1000)
    },
    close({ outcome }) {
      leaveQueue?.(`${outcome === "left" ? "the client left" : "the hub stopped"} while it waited`)
      if (!pending) return
      const { ranked, decision, isSwap, sinceMs } = pending
      pending = null
      const provider = providerOf(ranked.place)
      parts.ended(given.requestId, provider, ranked.place.model.id)
      const ended = outcome === "answered" ? "ok" : outcome === "left" ? "cancelled" : "failed"
      log({
        decision,
        ranked,
        waitMs: null,
        isSwap,
        outcome: ended,
        reason: null,
        ttftMs: null,
        durationMs: parts.clock.now() - sinceMs,
        usage: null,
        isSent: true,
        status: null,
      })
    },
  }
}

/** A model that does not start says nothing against its host: another one may serve there. */
function isOfTheLoad(kind: AttemptFailure["kind"], status: number | null): boolean {
  return kind === "loading_failed" || (kind === "status" && status === 500)
}

const OVER = { wait: "it has waited long enough", queue: "too many wait already" } as const

/** Of an end without a place. */
const UNSENT = {
  ...{
    ranked: null,
    isSwap: false,
    ttftMs: null,
    durationMs: null,
    usage: null,
    isSent: false,
    status: null,
  },
} as const

/** Nothing of the request has left the hub. */
const UNSENT_BY = new Set(["refused", "unreachable", "tls"])

/** To ask again in a moment would bring the same. */
const UNCHANGING = new Set<RefusalCode>(["no_model", "no_context_fit", "not_loaded"])

const CODES: readonly RefusalCode[] = RefusalCode.options

/** Loaded, with a slot that nobody else waits for: no need to queue. */
function isOpen({ place }: Ranked, parts: RoutingParts): boolean {
  // One that is full is no candidate at all.
  if (place.kind === "target") return true
  const { host, model } = place
  return model.state === "ready" && model.inflight < model.slots && !parts.room.isSpoken(host.id, model.id)
}

/** Everything that a decision may rest on. */
function kindOf(ask: RouteAsk, tried: ReadonlySet<string>): string {
  const size = ask.prompt_tokens === null ? "" : Math.ceil(Math.log2(ask.prompt_tokens + 1))
  const { model, source, key, endpoint, tools, images, lease, served_by: by } = ask
  return JSON.stringify([model, source, key, endpoint, tools, images, size, lease, by, [...tried].sort()])
}

/** What a model writes nothing for: an answer is there when the prompt is read. */
const UNWRITTEN: ReadonlySet<GatewayAsk["endpoint"]> = new Set(["embeddings", "rerank", "count_tokens"])

/** A prompt of unknown size may be read for minutes: nobody can say that the host has stalled. */
function firstByteMs({ terms, place }: Ranked, given: GatewayAsk, isSized: boolean): number {
  if (place.kind === "target") return WHOLE_ANSWER_MS
  const spareMs = isSized ? WARM_SPARE_MS : UNSIZED_SPARE_MS
  const coldMs = terms.load > 0 ? terms.load * 2.5 + COLD_SPARE_MS : 0
  const readMs = terms.prefill * 4 + terms.wait * 2 + spareMs
  return Math.min(LONGEST_FIRST_BYTE_MS, coldMs + readMs + writtenMs(place, given))
}

/** An answer that comes as a whole comes when it is written; how long that takes is known where its length and rate are. */
function writtenMs({ model }: HostPlace, { stream, endpoint, maxTokens }: GatewayAsk): number {
  if (stream || UNWRITTEN.has(endpoint)) return 0
  if (maxTokens === null || model.genTps.basis !== "measured") return WHOLE_ANSWER_MS
  return Math.min(WHOLE_ANSWER_MS, (maxTokens / model.genTps.value) * 1000 * 4)
}

/** A host that loads the model, or works on other requests for it, is not stuck. */
function moreMs({ place }: Ranked, waitedMs: number, parts: RoutingParts): number {
  if (place.kind === "target" || waitedMs >= LONGEST_FIRST_BYTE_MS) return 0
  const now = parts.placeNow(place.host.id, place.model.id)
  if (!now || now.host.liveness !== "connected") return 0
  if (now.model.state === "starting" || now.model.state === "stopped")
    return waitedMs < 300_000 ? LOADING_MORE_MS : 0
  return parts.isAtWork(place.host.id, place.model.id) ? LOADING_MORE_MS : 0
}

/** Bytes of a prompt as tokens: of English and code it is some four bytes each; JSON around it counts too. */
const BYTES_PER_TOKEN = 4

/** Sound and pictures, most of whose bytes are no text that has to fit into a context. */
const FILES = new Set<GatewayAsk["endpoint"]>(["transcription", "images"])

/**
 * A request in the words of policies. A class: an object written down with a getter of its own has a shape of its own, for each
 * request another, and V8 looks at each as if it had never seen one.
 */
class Asked implements RouteAsk {
  readonly model: string
  readonly source: string
  readonly key: string | null
  readonly endpoint: string
  readonly prompt_tokens: number | null
  readonly max_tokens: number | null
  readonly tools: boolean
  readonly images: boolean
  readonly session: string | null
  readonly lease: string | null
  readonly served_by: RouteAsk["served_by"]
  readonly #given: GatewayAsk
  #headers: RouteAsk["headers"] | null = null

  constructor(given: GatewayAsk) {
    const { model, source, keyLabel, promptBytes: bytes, hasImages: images } = given
    this.#given = given
    this.model = model
    this.source = source
    this.key = keyLabel
    this.endpoint = ENDPOINTS[given.endpoint]
    const isText = !images && !FILES.has(given.endpoint)
    this.prompt_tokens = bytes === null || !isText ? null : Math.ceil(bytes / BYTES_PER_TOKEN)
    this.max_tokens = given.maxTokens
    this.tools = given.hasTools
    this.images = images
    this.session = given.session ?? given.prefix
    this.lease = given.lease?.id ?? null
    this.served_by = given.servedBy
  }

  /** Few policies look at headers: they are put together for those. */
  get headers(): RouteAsk["headers"] {
    return (this.#headers ??= Object.fromEntries(this.#given.headers))
  }
}

export function askOf(given: GatewayAsk): RouteAsk {
  return new Asked(given)
}

/** As paths spell them: policies match what a client sees. */
const ENDPOINTS: Record<GatewayAsk["endpoint"], string> = {
  chat: "chat/completions",
  completion: "completions",
  responses: "responses",
  messages: "messages",
  count_tokens: "messages/count_tokens",
  embeddings: "embeddings",
  rerank: "rerank",
  infill: "infill",
  speech: "audio/speech",
  transcription: "audio/transcriptions",
  voices: "audio/voices",
  images: "images",
  other: "other",
}
