import type { HostId } from "@boocontrol/shared/ids"
import { admitsTrial, closedBreaker, onFailure, onSuccess } from "./core/breaker.ts"
import type { Breaker, FailureKind } from "./core/breaker.ts"

/** Who may be sent requests, as seen by the requests themselves. Fed by the gateway alone; asked by who decides. */
export interface Breakers {
  /** Why this host gets nothing now; null where it may. One trial at a time is let through to a host that failed. */
  closedFor(host: HostId, nowMs: number): string | null
  /** Share of failures among the newest answers, 0 to 1: a host that fails now and then should lose against one that does not. */
  errorShare(host: HostId): number
}

export interface FedBreakers extends Breakers {
  /** A request goes there now: it is the trial where the breaker is open. */
  trying(host: HostId, nowMs: number): void
  succeeded(host: HostId): void
  failed(host: HostId, kind: FailureKind, nowMs: number): void
  /** It ended without saying anything of the host. */
  undecided(host: HostId): void
  forget(host: HostId): void
}

/** The breakers of all hosts: built before routing and gateway, handed to both. */
export function createBreakers(): FedBreakers {
  const breakers = new Map<HostId, Breaker>()
  const of = (host: HostId): Breaker => breakers.get(host) ?? closedBreaker
  return {
    closedFor: (host, nowMs) => {
      const breaker = of(host)
      return admitsTrial(breaker, nowMs) ? null : breaker.reason
    },
    errorShare: (host) => of(host).errorShare,
    trying(host, nowMs) {
      const breaker = of(host)
      if (breaker.state === "open") breakers.set(host, { ...breaker, trialSinceMs: nowMs })
    },
    succeeded(host) {
      const before = of(host)
      const after = onSuccess(before)
      if (after !== before) breakers.set(host, after)
    },
    failed: (host, kind, nowMs) => void breakers.set(host, onFailure(of(host), kind, nowMs)),
    undecided(host) {
      const breaker = of(host)
      if (breaker.trialSinceMs !== null) breakers.set(host, { ...breaker, trialSinceMs: null })
    },
    forget: (host) => void breakers.delete(host),
  }
}
