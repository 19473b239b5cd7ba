/** Everything timed in the simulator asks this for the time, so that a test can drive it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  after(delayMs: number, run: () => void): Cancel
  every(intervalMs: number, run: () => void): Cancel
}

export type Cancel = () => void

export interface VirtualClock extends Clock {
  /** Moves time forward, running what falls due in order; sockets and promises get their turn in between. */
  advance(byMs: number): Promise<void>
}

export const systemClock: Clock = {
  // Parts of a millisecond matter: durations in the access log show them.
  now: () => performance.timeOrigin + performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs)
    return () => clearInterval(timer)
  },
}

interface Timer {
  dueAt: number
  order: number
  run: () => void
}

export function createVirtualClock(startAt = Date.UTC(2026, 8, 1, 8, 0, 0)): VirtualClock {
  let now = startAt
  let order = 0
  const timers = new Set<Timer>()

  function after(delayMs: number, run: () => void): Cancel {
    const timer = { dueAt: now + Math.max(0, delayMs), order: order++, run }
    timers.add(timer)
    return () => void timers.delete(timer)
  }

  function every(intervalMs: number, run: () => void): Cancel {
    let cancel = after(intervalMs, tick)
    function tick() {
      cancel = after(intervalMs, tick)
      run()
    }
    return () => cancel()
  }

  function nextDue(until: number): Timer | null {
    let first: Timer | null = null
    for (const timer of timers) {
      if (timer.dueAt > until) continue
      if (!first || timer.dueAt < first.dueAt || (timer.dueAt === first.dueAt && timer.order < first.order)) {
        first = timer
      }
    }
    return first
  }

  async function advance(byMs: number) {
    const until = now + byMs
    await settle()
    for (let timer = nextDue(until); timer; timer = nextDue(until)) {
      timers.delete(timer)
      now = Math.max(now, timer.dueAt)
      timer.run()
      await settle()
    }
    now = until
  }

  return { now: () => now, after, every, advance }
}

/** One turn of the event loop: promise callbacks and socket work that is already possible gets done. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Resolves true after the delay, false as soon as the signal aborts. */
export function wait(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve(false)
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort)
      resolve(true)
    })
    function onAbort() {
      cancel()
      resolve(false)
    }
    signal?.addEventListener("abort", onAbort, { once: true })
  })
}
