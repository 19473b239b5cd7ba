import type { Liveness } from "@boocontrol/shared/hosts"
import { unreachable } from "@boocontrol/shared/unreachable"

/**
 * The link to the engine.
 *
 * | liveness     | entered when                              | does                                             | leaves when                       |
 * | ------------ | ----------------------------------------- | ------------------------------------------------ | --------------------------------- |
 * | reconnecting | start; a working stream was lost          | tries again after 1, 2, 4, 8, 16, 30 s + jitter   | connected; down at 6 failures     |
 * | connected    | the API was probed and the stream is open | listens, polls the health endpoint               | reconnecting when the stream ends |
 * | down         | 6 failures in a row; a refused key        | circuit open: one try per 60 s (a refused key 30) | connected                         |
 */
export interface Link {
  readonly liveness: Liveness
  /** Attempts in a row that failed, or whose stream ended before it could be called stable. */
  readonly failures: number
}

export type LinkEvent =
  { kind: "opened" } | { kind: "lost"; livedMs: number } | { kind: "failed" } | { kind: "refused" }

export interface LinkStep {
  readonly link: Link
  /** When to try again; null: nothing to do. */
  readonly waitMs: number | null
}

export const BASE_MS = 1_000
export const CAP_MS = 30_000
/** A blip must not look like an outage, and a dead host must not be knocked at for ever. */
export const CIRCUIT_FAILURES = 6
export const CIRCUIT_OPEN_MS = 60_000
/** A stream that always ends at once (a proxy in between) must not be opened once a second for ever. */
export const STABLE_MS = 5_000
/** Waiting does not mend a wrong key; but someone may change it on the engine's side. */
export const REFUSED_MS = 30_000

export const FIRST_LINK: Link = { liveness: "reconnecting", failures: 0 }

/** `random` in [0, 1) adds 0-50 %, so that sidecars that lost the same engine or switch do not return as one. */
export function reconnectDecision(link: Link, event: LinkEvent, random: number): LinkStep {
  const jittered = (ms: number) => Math.round(ms * (1 + random / 2))
  switch (event.kind) {
    case "opened":
      return { link: { ...link, liveness: "connected" }, waitMs: null }
    case "refused":
      return { link: { liveness: "down", failures: link.failures + 1 }, waitMs: jittered(REFUSED_MS) }
    case "lost":
      if (event.livedMs >= STABLE_MS)
        return { link: { liveness: "reconnecting", failures: 0 }, waitMs: jittered(BASE_MS) }
      return failed(link, jittered)
    case "failed":
      return failed(link, jittered)
    default:
      return unreachable(event)
  }
}

/**
 * An engine that was seen gone and answers again need not be waited for: what it does until then is not followed. One
 * that comes and goes every second is, once the circuit is open.
 */
export function mayTryAtOnce(link: Link, goneMs: number): boolean {
  return link.failures < CIRCUIT_FAILURES || goneMs >= CAP_MS
}

function failed(link: Link, jittered: (ms: number) => number): LinkStep {
  const failures = link.failures + 1
  if (failures >= CIRCUIT_FAILURES)
    return { link: { liveness: "down", failures }, waitMs: jittered(CIRCUIT_OPEN_MS) }
  const waitMs = jittered(Math.min(CAP_MS, BASE_MS * 2 ** (failures - 1)))
  return { link: { liveness: link.liveness === "down" ? "down" : "reconnecting", failures }, waitMs }
}
