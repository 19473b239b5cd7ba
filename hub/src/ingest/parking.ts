import { UNREADABLE } from "./ports.ts"
import type { RejectReason, Rejected } from "./ports.ts"

const HOUR_MS = 3_600_000
/** Of one host and reason in an hour: enough to see what is wrong, and more than a sidecar of another version says. */
const MOST_MESSAGES = 1_000
const MOST_BYTES = 16 * 1024 * 1024
/** What is known of each; a publisher that invents hosts must not fill the memory either. */
const MOST_KNOWN = 10_000

export interface Parking {
  /** Whether a refused message of so many bytes is kept as it came; else it is only counted. */
  isKept(rejected: Pick<Rejected, "host" | "reason">, bytes: number, nowMs: number): boolean
}

/** Bounds what a host that is broken can make the hub keep, per host and reason. The first of each is always kept. */
export function createParking(): Parking {
  const used = new Map<string, { sinceMs: number; messages: number; bytes: number }>()
  return {
    isKept({ host, reason }, bytes, nowMs) {
      if (!isBounded(reason)) return true
      const key = `${reason} ${host ?? ""}`
      const known = used.get(key)
      if (known === undefined || nowMs - known.sinceMs >= HOUR_MS || nowMs < known.sinceMs) {
        if (known === undefined && used.size >= MOST_KNOWN) used.clear()
        used.set(key, { sinceMs: nowMs, messages: 1, bytes })
        return true
      }
      if (known.messages >= MOST_MESSAGES || known.bytes + bytes > MOST_BYTES) return false
      known.messages += 1
      known.bytes += bytes
      return true
    },
  }
}

/**
 * What never was an event of a host, and all that one whose clock is years ahead says. What else is refused was meant, and
 * is kept whatever it takes.
 */
function isBounded(reason: RejectReason): boolean {
  return UNREADABLE.has(reason) || reason === "future"
}
