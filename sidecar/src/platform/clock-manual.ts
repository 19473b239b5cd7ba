import { sleepOn } from "./clock.ts"
import type { ClockStep, StampingClock } from "./clock.ts"

/** A clock that stands still until a test moves it. */
export interface ManualClock extends StampingClock {
  /** Moves time on, running due timers in order; promises settle after each timer and at the end. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock: timers do not notice, listeners are told. */
  step(to: number): void
  /** How many timers wait. */
  pending(): number
}

interface Timer {
  dueAt: number
  order: number
  fn: () => void
}

export function manualClock(start = Date.parse("2026-01-01T00:00:00.000Z")): ManualClock {
  const timers = new Set<Timer>()
  const listeners = new Set<(step: ClockStep) => void>()
  let elapsed = 0
  let anchor = start
  let order = 0
  let steps = 0

  function schedule(fn: () => void, ms: number): () => void {
    const timer: Timer = { dueAt: elapsed + Math.max(0, ms), order: order++, fn }
    timers.add(timer)
    return () => timers.delete(timer)
  }

  function nextDue(until: number): Timer | null {
    let next: Timer | null = null
    for (const timer of timers) {
      if (timer.dueAt > until) continue
      if (!next || timer.dueAt < next.dueAt || (timer.dueAt === next.dueAt && timer.order < next.order))
        next = timer
    }
    return next
  }

  async function advance(ms: number): Promise<void> {
    const until = elapsed + ms
    await settle()
    for (let timer = nextDue(until); timer; timer = nextDue(until)) {
      timers.delete(timer)
      elapsed = timer.dueAt
      timer.fn()
      await settle()
    }
    elapsed = until
  }

  return {
    now: () => anchor + elapsed,
    setTimeout: schedule,
    sleep: (ms, signal) => sleepOn(schedule, ms, signal),
    advance,
    step(to) {
      const before = anchor + elapsed
      anchor = to - elapsed
      steps += 1
      for (const listener of listeners) listener({ before, after: to })
    },
    pending: () => timers.size,
    steps: () => steps,
    onStep(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** A turn of the real event loop: every promise that could settle has. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
