import type { HostRates } from "@boocontrol/shared/fleet"
import type { ModelTransition } from "@boocontrol/shared/models"
import { epochMsOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** Below this a rate per minute would be made of next to nothing. */
const LEAST_SPAN_MS = 10_000

/** A row as far as rates need it; the same id again is the same request. */
export interface CountedRequest {
  readonly id: string
  readonly ts: Instant
  readonly status_code: number | null
  readonly error: string | null
}

/** Requests of the last minute and model loads of the last hour of one host, by the time they happened. */
export interface RateWindow {
  requests(rows: readonly CountedRequest[], nowMs: number): void
  transitions(transitions: readonly ModelTransition[]): void
  /** Null while this hub has not counted long enough to say. */
  read(nowMs: number): HostRates | null
}

export function rateWindow(sinceMs: number): RateWindow {
  const requests = new Map<string, { atMs: number; failed: boolean }>()
  const starting = new Map<string, number>()
  const loads = new Map<string, { atMs: number; ms: number }>()

  return {
    requests(rows, nowMs) {
      for (const row of rows) {
        // A host's clock may be ahead; what has ended is not in the future.
        const atMs = Math.min(epochMsOf(row.ts), nowMs)
        if (atMs <= nowMs - MINUTE_MS) continue
        requests.set(row.id, { atMs, failed: (row.status_code ?? 0) >= 400 || row.error !== null })
      }
    },
    transitions(transitions) {
      for (const { model, to, at } of transitions) {
        const atMs = epochMsOf(at)
        const began = starting.get(model)
        if (to === "starting") starting.set(model, atMs)
        else starting.delete(model)
        if (began === undefined || atMs < began) continue
        // A load that failed took its time as well.
        if (to === "ready" || to === "error") loads.set(`${model} ${at}`, { atMs, ms: atMs - began })
      }
    },
    read(nowMs) {
      const spanMs = Math.min(MINUTE_MS, nowMs - sinceMs)
      forgetBefore(requests, nowMs - MINUTE_MS)
      forgetBefore(loads, nowMs - HOUR_MS)
      if (spanMs < LEAST_SPAN_MS) return null
      const failed = [...requests.values()].filter((request) => request.failed).length
      const lost = [...loads.values()].reduce((sum, load) => sum + load.ms, 0)
      return {
        requests_per_min: perMinute(requests.size, spanMs),
        errors_per_min: perMinute(failed, spanMs),
        swaps_1h: loads.size,
        swap_ms_1h: lost,
      }
    },
  }
}

function perMinute(count: number, spanMs: number): number {
  return Math.round((count * MINUTE_MS * 10) / spanMs) / 10
}

function forgetBefore(entries: Map<string, { atMs: number }>, oldestMs: number): void {
  for (const [key, { atMs }] of entries) if (atMs <= oldestMs) entries.delete(key)
}
