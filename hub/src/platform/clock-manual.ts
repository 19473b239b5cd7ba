import type { Clock } from "./clock.ts"

export interface ManualClock extends Clock {
  /** Moves time on and runs everything that falls due, in order, each at its own time. */
  advance(ms: number): void
  /** Timers that wait. */
  pending(): number
}

interface Timer {
  dueMs: number
  everyMs: number | null
  fn: () => void
}

/** A clock that only moves when told. */
export function manualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = startMs
  const timers = new Set<Timer>()

  const add = (timer: Timer): (() => void) => {
    timers.add(timer)
    return () => void timers.delete(timer)
  }
  const nextDue = (untilMs: number): Timer | null => {
    let next: Timer | null = null
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (next === null || timer.dueMs < next.dueMs)) next = timer
    }
    return next
  }

  return {
    now: () => nowMs,
    setTimeout: (fn, ms) => add({ dueMs: nowMs + ms, everyMs: null, fn }),
    every: (ms, fn) => add({ dueMs: nowMs + ms, everyMs: ms, fn }),
    pending: () => timers.size,
    advance(ms) {
      const untilMs = nowMs + ms
      for (let timer = nextDue(untilMs); timer !== null; timer = nextDue(untilMs)) {
        nowMs = timer.dueMs
        if (timer.everyMs === null) timers.delete(timer)
        else timer.dueMs += timer.everyMs
        timer.fn()
      }
      nowMs = untilMs
    },
  }
}
