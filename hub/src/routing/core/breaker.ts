import type { Health } from "./filter.ts"

/**
 * One breaker per host and model; those of a host that refuses connections count for the host as a whole.
 *
 * | state   | entered when                                       | leaves when                                     |
 * | ------- | -------------------------------------------------- | ----------------------------------------------- |
 * | closed  | at first; a probe was answered                     | 3 failures in a row, or half of the last 20: open |
 * | open    | see above; a probe failed: twice as long as before | its time is over: probing                       |
 * | probing | the time of `open` is over                         | one request is let through: open until its first byte; it says nothing: probing |
 */
export interface Breaker {
  readonly state: "closed" | "open"
  readonly inRow: number
  /** Newest last, true: failed. */
  readonly recent: readonly boolean[]
  readonly untilMs: number
  readonly openForMs: number
  /** It failed by what stays as it is until somebody mends it. */
  readonly lasts: boolean
}

export const FRESH: Breaker = {
  state: "closed",
  inRow: 0,
  recent: [],
  untilMs: 0,
  openForMs: 0,
  lasts: false,
}

const IN_ROW = 3
const WINDOW = 20
const LEAST = 6
/** Short enough that a host that was restarted is used again soon; one that stays dead gets a request in half a minute. */
const FIRST_OPEN_MS = 2_000
const LONGEST_OPEN_MS = 30_000
/** A probe is not followed by another while the first is under way. */
const PROBE_MS = 15_000

/**
 * How much a failure says: a refused connection or an instant 503 costs nobody time, but is as clear as can be.
 * `untrusted` and `denied` stay as they are until somebody mends a certificate, a key or an account.
 */
export type FailureKind = "refused" | "status" | "timeout" | "broken" | "untrusted" | "denied"

export function failureKind({ kind, status }: { kind: string; status: number | null }): FailureKind {
  if (kind === "tls") return "untrusted"
  if (kind === "refused" || kind === "unreachable") return "refused"
  if (kind === "timeout" || kind === "stalled") return "timeout"
  if (status === null) return "broken"
  return DENIALS.has(status) ? "denied" : "status"
}

/** A key that is not right, an account without money. A 403 may be a filter's word on one request. */
const DENIALS = new Set([401, 402])

export function isLasting(kind: FailureKind): boolean {
  return kind === "untrusted" || kind === "denied"
}

export function failed(breaker: Breaker, kind: FailureKind, nowMs: number): Breaker {
  const recent = [...breaker.recent, true].slice(-WINDOW)
  const inRow = breaker.inRow + 1
  const failures = recent.filter(Boolean).length
  const wasProbe = breaker.state === "open"
  const isOpen =
    wasProbe ||
    kind === "refused" ||
    kind === "untrusted" ||
    inRow >= IN_ROW ||
    (recent.length >= LEAST && failures * 2 >= recent.length)
  const lasts = isLasting(kind)
  if (!isOpen) return { ...breaker, recent, inRow, lasts }
  const openForMs = wasProbe ? Math.min(LONGEST_OPEN_MS, breaker.openForMs * 2) : FIRST_OPEN_MS
  return { state: "open", inRow, recent, openForMs, lasts, untilMs: nowMs + openForMs }
}

/** What was answered. One answer closes it, but what failed before is not forgotten at once. */
export function succeeded(breaker: Breaker): Breaker {
  return { ...FRESH, recent: [...breaker.recent, false].slice(-WINDOW) }
}

/** A request is on its way to it; while it is open that is the probe. */
export function sent(breaker: Breaker, nowMs: number): Breaker {
  if (breaker.state === "closed") return breaker
  return { ...breaker, untilMs: nowMs + Math.max(PROBE_MS, breaker.openForMs) }
}

/** The probe ended without saying anything of the place: the next request is one. */
export function undecided(breaker: Breaker, nowMs: number): Breaker {
  return breaker.state === "closed" ? breaker : { ...breaker, untilMs: nowMs }
}

/** The first byte of an answer is there: whoever waits for the end of a probe need not. */
export function answered(breaker: Breaker): Breaker {
  return breaker.state === "closed" ? breaker : { ...FRESH, recent: breaker.recent }
}

export function healthOf(breaker: Breaker, nowMs: number): Health {
  if (breaker.state === "closed") return "closed"
  if (nowMs >= breaker.untilMs) return "probing"
  return breaker.lasts ? "amiss" : "open"
}

export function worse(a: Health, b: Health): Health {
  if (a === "amiss" || b === "amiss") return "amiss"
  if (a === "open" || b === "open") return "open"
  return a === "probing" ? a : b
}
