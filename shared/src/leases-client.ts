import type * as z from "zod/mini"
import { ErrorBody, NatsErrorReply } from "./errors.ts"
import { LeaseGrant, LeaseRow } from "./leases.ts"
import type { LeaseRef, LeaseRequest } from "./leases.ts"

/** Carries one call of a lease to a hub and brings back its parsed JSON, whatever it says. */
export interface LeaseTransport {
  call(name: "acquire" | "renew" | "release", body: LeaseRequest | LeaseRef): Promise<unknown>
}

/** Refused by the hub: `code` as in ERRORS.md, `details` name who holds the host. */
export class LeaseRefused extends Error {
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = "LeaseRefused"
    this.code = code
    this.details = details
  }
}

/** A lease that is kept up until it is given back. */
export interface HeldLease extends LeaseGrant {
  /** Aborted when it is lost: stop at once what is done under it. */
  readonly lost: AbortSignal
  /** As `X-Boo-Lease` wants it. */
  readonly header: string
  release(): Promise<void>
}

export interface LeaseClient {
  acquire(request: LeaseRequest): Promise<LeaseGrant>
  renew(ref: LeaseRef): Promise<LeaseGrant>
  release(ref: LeaseRef): Promise<LeaseRow>
  /** Acquires, and renews thrice within its time, until it is given back or lost. */
  hold(request: LeaseRequest): Promise<HeldLease>
}

/** How the client waits; `setInterval` and its like of whoever runs it. */
export interface LeaseTimer {
  every(ms: number, fn: () => void): () => void
}

/** Leases for any program: it brings its own transport, HTTP or NATS, and its own timer. */
export function leaseClient(transport: LeaseTransport, timer: LeaseTimer): LeaseClient {
  const call = async <T extends z.ZodMiniType>(
    name: Parameters<LeaseTransport["call"]>[0],
    body: LeaseRequest | LeaseRef,
    schema: T,
  ): Promise<z.infer<T>> => {
    const answer = await transport.call(name, body)
    const parsed = schema.safeParse(answer)
    if (parsed.success) return parsed.data
    throw refusalOf(answer)
  }
  const acquire = (request: LeaseRequest) => call("acquire", request, LeaseGrant)
  const renew = (ref: LeaseRef) => call("renew", ref, LeaseGrant)
  const release = (ref: LeaseRef) => call("release", ref, LeaseRow)

  return {
    acquire,
    renew,
    release,
    async hold(request) {
      const grant = await acquire(request)
      const { lease_id, fencing_token } = grant
      const ref = { lease_id, fencing_token }
      const lost = new AbortController()
      let missed = 0
      const end = timer.every((request.ttl_s * 1_000) / 3, () => {
        renew(ref).then(
          () => (missed = 0),
          (error: unknown) => {
            missed += 1
            // Refused is lost. Unanswered three times over, its time has passed.
            if (!(error instanceof LeaseRefused) && missed < 3) return
            end()
            lost.abort()
          },
        )
      })
      return {
        ...grant,
        lost: lost.signal,
        header: `${lease_id};${fencing_token}`,
        async release() {
          end()
          if (!lost.signal.aborted) await release(ref)
        },
      }
    },
  }
}

function refusalOf(answer: unknown): Error {
  const http = ErrorBody.safeParse(answer)
  if (http.success) return new LeaseRefused(http.data.code, http.data.error, http.data.details)
  const nats = NatsErrorReply.safeParse(answer)
  if (nats.success) return new LeaseRefused(nats.data.error.code, nats.data.error.message)
  return new Error("the hub's answer makes no sense here: is this its address?")
}
