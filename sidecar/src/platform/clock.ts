/** The only source of time. Cores get `now` as an argument; loops get a `Clock`. */
export interface Clock {
  /** Epoch ms: the wall clock at the start of life plus monotonic time, re-anchored when the wall clock steps. */
  now(): number
  /** Calls `fn` once after `ms`; the returned function cancels it and may be called at any time. */
  setTimeout(fn: () => void, ms: number): () => void
  /** Resolves after `ms`, or at once when `signal` is aborted: a loop looks at its signal after each wait. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The wall clock was set: what this clock said, and what it says from now on. */
export interface ClockStep {
  before: number
  after: number
}

/** A clock that tells when it had to be re-anchored. */
export interface StampingClock extends Clock {
  /** How often the wall clock stepped since the start. */
  steps(): number
  onStep(listener: (step: ClockStep) => void): () => void
}

/**
 * Wall and monotonic time are read one after the other, so a busy machine alone makes them differ by some
 * milliseconds, and a slewing NTP daemon by less. Larger would let a step smaller than a sample's spacing go by.
 */
const STEP_TOLERANCE_MS = 500

/** Where a clock reads time: both in ms. Handed in so that steps can be tested. */
export interface TimeSources {
  wall(): number
  monotonic(): number
}

const SYSTEM_SOURCES: TimeSources = { wall: () => Date.now(), monotonic: () => performance.now() }

export function systemClock(sources: TimeSources = SYSTEM_SOURCES): StampingClock {
  const listeners = new Set<(step: ClockStep) => void>()
  let anchor = sources.wall() - sources.monotonic()
  let steps = 0

  function now(): number {
    const before = anchor + sources.monotonic()
    const after = sources.wall()
    if (Math.abs(after - before) < STEP_TOLERANCE_MS) return Math.floor(before)
    anchor += after - before
    steps += 1
    for (const listener of listeners) listener({ before: Math.floor(before), after })
    return after
  }

  function schedule(fn: () => void, ms: number): () => void {
    const timer = setTimeout(fn, ms)
    return () => clearTimeout(timer)
  }

  return {
    now,
    setTimeout: schedule,
    sleep: (ms, signal) => sleepOn(schedule, ms, signal),
    steps: () => steps,
    onStep(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** `sleep` over any `setTimeout`. Leaves no listener on a long-lived signal. */
export function sleepOn(schedule: Clock["setTimeout"], ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const finish = () => {
      cancel()
      signal?.removeEventListener("abort", finish)
      resolve()
    }
    const cancel = schedule(finish, ms)
    signal?.addEventListener("abort", finish)
  })
}
