import { inject, shallowRef } from "vue"
import type { InjectionKey, ShallowRef } from "vue"

/** The one place of the cockpit that knows the time. */
export interface Clock {
  /** Ticks once a second, for everything that ages on screen. Follows the hub's clock, not this machine's. */
  readonly now: Readonly<ShallowRef<number>>
  /** Epoch ms right now, by the hub's clock. */
  readonly nowMs: () => number
  /** Ms since the page was opened; never jumps. */
  readonly monotonicMs: () => number
  /** A message of the hub says what time it was there when it left. */
  readonly noteHubTime: (hubMs: number) => void
  /** Calls once after `delayMs`; the returned function cancels it. */
  readonly after: (delayMs: number, run: () => void) => () => void
  readonly stop: () => void
}

const TICK_MS = 1000
// Below this a difference is the way of the message, not a wrong clock.
const MIN_SKEW_MS = 1500

export function createClock(): Clock {
  // A message can only be late, so the largest difference seen is the truest.
  let ahead = Number.NEGATIVE_INFINITY
  const skewMs = () => (Math.abs(ahead) >= MIN_SKEW_MS && Number.isFinite(ahead) ? ahead : 0)
  const nowMs = () => Date.now() + skewMs()
  const now = shallowRef(nowMs())
  const timer = setInterval(() => {
    now.value = nowMs()
  }, TICK_MS)
  return {
    now,
    nowMs,
    monotonicMs: () => performance.now(),
    noteHubTime(hubMs) {
      const difference = hubMs - Date.now()
      if (difference <= ahead) return
      ahead = difference
      now.value = nowMs()
    },
    after(delayMs, run) {
      const id = setTimeout(run, delayMs)
      return () => clearTimeout(id)
    },
    stop: () => clearInterval(timer),
  }
}

export const CLOCK: InjectionKey<Clock> = Symbol("clock")

export function useClock(): Clock {
  const clock = inject(CLOCK)
  if (!clock) throw new Error("no clock was provided")
  return clock
}
