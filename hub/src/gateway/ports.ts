import type { FleetHost } from "@boocontrol/shared/fleet"
import type { EndpointKind, PassedOver, RefusalCode, VirtualModel } from "@boocontrol/shared/gateway"
import type { HostId } from "@boocontrol/shared/ids"
import type { TokenPrices } from "@boocontrol/shared/token-cost"

/**
 * Decides where a request goes. The gateway carries it there and tells how it went; it decides nothing itself and
 * counts nothing but the breakers (`Breakers`), which whoever decides must ask and never feeds.
 *
 * Everything here runs on the hot path: from memory, without waiting for Postgres or NATS.
 */
export interface RoutingPort {
  /** Begins the way of one request. */
  open(ask: RouteAsk): Passage
  /** `auto`, `auto:code`, ... and frontier models, for `GET /v1/models`. */
  virtualModels(): readonly VirtualModel[]
  /**
   * Where a name would go now, best first, without counting or queueing, then who has it but may not be sent to now;
   * for `props`. Empty: nobody has it.
   */
  preview(model: string): readonly { host: HostId | null; model: string }[]
}

export interface LeasesPort {
  /** Whether whoever says to hold a lease has lost it; from memory where it is known here. */
  isStale(lease: { readonly id: string; readonly token: number }): boolean | Promise<boolean>
}

/** A request as far as it is known before it is sent on. What costs a look at the body is computed when it is read. */
export interface RouteAsk {
  readonly requestId: string
  readonly endpoint: EndpointKind
  /** `host`: no provider, for what only a llama-swap has. `loaded`: only a host that has it loaded now. */
  readonly servedBy: "any" | "host" | "loaded"
  /** As the client spelled it. */
  readonly model: string
  readonly stream: boolean
  /** Never null: the key's label or `unlabelled` where the client says nothing. */
  readonly source: string
  readonly keyLabel: string | null
  readonly lease: { readonly id: string; readonly token: number | null } | null
  /** Null for a body of unknown length. */
  readonly promptBytes: number | null
  readonly maxTokens: number | null
  readonly hasTools: boolean
  readonly hasImages: boolean
  /** What the client says ties its turns together (`X-Session-Id` and its like). */
  readonly session: string | null
  /** Hash of the beginning of the prompt, for prefix affinity: equal heads, equal hash. */
  readonly prefix: string | null
  /** Lower-case names, first values, credentials left out. */
  readonly headers: ReadonlyMap<string, string>
  /** As it is sent on, without its query. */
  readonly path: string
  readonly clientIp: string | null
  readonly userAgent: string | null
}

/** One request on its way: attempts follow one another until one answers or none is left. */
export interface Passage {
  readonly policy: string | null
  /**
   * The best candidate now: scored again after each failure, never a host that failed this request. Answers at once
   * where nothing has to wait; else it waits, bounded, and ends with a refusal. Not called while an attempt is open.
   */
  next(): Attempt | Refusal | Promise<Attempt | Refusal>
  /** Always called, once, last. Who waits in the queue leaves it: that turn never comes. */
  close(end: PassageEnd): void
}

export interface Attempt {
  readonly kind: "attempt"
  /** Null for a frontier target. */
  readonly host: HostId | null
  /** Null for a host. */
  readonly target: string | null
  /** The name upstream. */
  readonly model: string
  /** Before `/v1`; no slash at the end. */
  readonly baseUrl: string
  /** Sent in place of whatever the client gave; null sends none. */
  readonly upstreamKey: string | null
  /** How the key is sent: `Authorization: Bearer`, or `x-api-key` as Anthropic wants it. */
  readonly dialect: "openai" | "anthropic"
  /** What it costs there; null where nobody knows. */
  readonly price: TokenPrice | null
  /** How long to wait for the first byte of the answer before `overdue` is asked. */
  readonly firstByteMs: number
  /**
   * The first byte is late. How many ms more to wait, because the model is loading or the host is seen at work; 0 gives
   * up, and the request goes elsewhere.
   */
  overdue(waitedMs: number): number
  /** The first byte of the answer is there: from now on nothing is tried elsewhere. */
  responded(): void
  /** It ended without an answer, or broke; ends this attempt. */
  failed(why: AttemptFailure): void
  /** It was answered to the end; ends this attempt. */
  finished(facts: AttemptFacts): void
  /** The client left: neither good nor bad; ends this attempt. */
  abandoned(): void
}

/** In the unit of the price tables, for a million tokens: what a provider asks, or the energy a host takes. */
export type TokenPrice = TokenPrices

export interface AttemptFailure {
  readonly kind:
    | "refused"
    | "unreachable"
    /** No connection that can be trusted, until somebody mends a certificate or an address. */
    | "tls"
    | "reset"
    | "timeout"
    | "status"
    | "stalled"
    | "broken_stream"
    | "loading_failed"
  /** Where the host answered. */
  readonly status: number | null
  readonly detail: string
  /** Whether bytes had gone to the client: the request ends with this failure. */
  readonly afterFirstByte: boolean
  readonly afterMs: number
  /** Whether no host may be able to answer this request: it says something of this host once another one has. */
  readonly mayBeTheRequest: boolean
}

export interface AttemptFacts {
  readonly status: number
  readonly firstByteMs: number | null
  readonly durationMs: number
  readonly usage: TokenUsage | null
  readonly bytes: number
}

/** From the tail of the answer: usage of the API, and llama.cpp's timings where there are any. */
export interface TokenUsage {
  /** The whole prompt, cache included. */
  readonly promptTokens: number | null
  readonly cacheTokens: number | null
  readonly outputTokens: number | null
  readonly promptMs: number | null
  readonly predictedMs: number | null
}

export interface Refusal {
  readonly kind: "refusal"
  readonly code: RefusalCode
  readonly reason: string
  /** Null: nothing that waits can help. */
  readonly retryAfterS: number | null
  readonly candidates: readonly PassedOver[]
}

export interface PassageEnd {
  readonly outcome: "answered" | "failed" | "refused" | "left"
  readonly status: number | null
  readonly attempts: number
}

/** What hosts there are and what they hold, as this hub knows it now. */
export interface FleetPort {
  hosts(): readonly FleetHost[]
}

/** The host's own key, from memory; null where it needs none. */
export interface UpstreamKeysPort {
  keyOf(host: HostId): string | null
}
