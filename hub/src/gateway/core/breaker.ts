/**
 * | state  | entered when                                       | leaves when                              |
 * | ------ | -------------------------------------------------- | ---------------------------------------- |
 * | closed | it answers                                         | enough failures weigh up: open           |
 * | open   | a failure that says "nobody here", or several that | a trial is answered: closed; the trial   |
 * |        | say less, since the last good answers              | fails: open for twice as long            |
 *
 * An open breaker lets one request through when its pause is over (the trial), and no second one while that is out.
 */
export interface Breaker {
  readonly state: "closed" | "open"
  /** Weight of recent failures: each adds, each good answer takes away. */
  readonly weight: number
  /** Moving share of failures among answers. */
  readonly errorShare: number
  /** When the next trial may go out. */
  readonly retryAtMs: number
  readonly pauseMs: number
  readonly trialSinceMs: number | null
  readonly reason: string
}

/** `busy` is a 429: the host works, but takes no more; it must not attract traffic, and a pause of a second is enough. */
export type FailureKind = "refused" | "server_error" | "busy" | "reset" | "stalled" | "broken_stream"

export const closedBreaker: Breaker = {
  state: "closed",
  weight: 0,
  errorShare: 0,
  retryAtMs: 0,
  pauseMs: 0,
  trialSinceMs: null,
  reason: "",
}

// What each failure says. A refused connection says that nobody is there; one 5xx may be this request's own fault.
const WEIGHTS: Record<FailureKind, number> = {
  refused: 3,
  server_error: 1,
  busy: 1,
  reset: 1.5,
  stalled: 2,
  broken_stream: 1.5,
}
const OPENS_AT = 3
// A good answer forgives half: a host that fails every second request still opens, one in ten never does.
const FORGIVEN = 0.5
// Short: a trial costs one request a detour of a millisecond; a host that is back should be used at once.
const FIRST_PAUSE_MS = 1_000
const BUSY_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
// A trial that never ends (the client left, the answer takes an hour) must not keep the host out for ever.
const TRIAL_FORGOTTEN_MS = 60_000
const SHARE_OF_ONE = 0.1

const REASONS: Record<FailureKind, string> = {
  refused: "it refuses connections",
  server_error: "it answers with server errors",
  busy: "it takes no more requests",
  reset: "it breaks connections",
  stalled: "it does not answer in time",
  broken_stream: "its streams break off",
}

export function onFailure(breaker: Breaker, kind: FailureKind, nowMs: number): Breaker {
  const errorShare = breaker.errorShare + (1 - breaker.errorShare) * SHARE_OF_ONE
  const weight = Math.min(OPENS_AT * 2, breaker.weight + WEIGHTS[kind])
  const reason = REASONS[kind]
  if (breaker.state === "open") {
    // Requests that were on their way when it opened say nothing new.
    if (breaker.trialSinceMs === null) return { ...breaker, errorShare, weight, reason }
    const pauseMs = kind === "busy" ? BUSY_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, breaker.pauseMs * 2)
    return {
      state: "open",
      weight,
      errorShare,
      pauseMs,
      retryAtMs: nowMs + pauseMs,
      trialSinceMs: null,
      reason,
    }
  }
  if (weight < OPENS_AT) return { ...breaker, weight, errorShare, reason }
  const pauseMs = kind === "busy" ? BUSY_PAUSE_MS : FIRST_PAUSE_MS
  return {
    state: "open",
    weight,
    errorShare,
    pauseMs,
    retryAtMs: nowMs + pauseMs,
    trialSinceMs: null,
    reason,
  }
}

/** Any good answer closes: the host has shown that it works. */
export function onSuccess(breaker: Breaker): Breaker {
  if (breaker.weight === 0 && breaker.state === "closed" && breaker.errorShare === 0) return breaker
  const share = breaker.errorShare * (1 - SHARE_OF_ONE)
  const errorShare = share < 0.001 ? 0 : share
  if (breaker.state === "open") return { ...closedBreaker, errorShare, weight: OPENS_AT - 1 }
  return { ...breaker, errorShare, weight: Math.max(0, breaker.weight - FORGIVEN) }
}

export function admitsTrial(breaker: Breaker, nowMs: number): boolean {
  if (breaker.state === "closed") return true
  if (breaker.trialSinceMs !== null && nowMs - breaker.trialSinceMs < TRIAL_FORGOTTEN_MS) return false
  return nowMs >= breaker.retryAtMs
}
