/** The only source of time. Loops take one, so that tests can drive them without waiting. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Calls `fn` once; the result cancels it and may be called at any time. */
  setTimeout(fn: () => void, ms: number): () => void
  /** Calls `fn` again and again, first after `ms`; the result ends it. */
  every(ms: number, fn: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(fn, ms) {
    const timer = setTimeout(fn, ms)
    return () => clearTimeout(timer)
  },
  every(ms, fn) {
    const timer = setInterval(fn, ms)
    return () => clearInterval(timer)
  },
}

/** Resolves after `ms`, or at once when `signal` aborts. Never rejects: the caller looks at the signal. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const end = (): void => {
      cancel()
      signal?.removeEventListener("abort", end)
      resolve()
    }
    const cancel = clock.setTimeout(end, ms)
    signal?.addEventListener("abort", end)
  })
}
