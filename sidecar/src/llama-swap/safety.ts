import type { Clock } from "../platform/clock.ts"

/** While something happens, what a lost message hid is found within this time. */
const BUSY_MS = 10_000
/** Each look writes lines into the engine's own log; an idle engine's log must not consist of them. */
const IDLE_MS = 60_000
const BUSY_FOR_MS = 60_000

export interface SafetyTimer {
  start(): void
  stop(): void
  /** Something happened on the engine. */
  stir(): void
}

/** Looks at the engine from time to time even if its stream says nothing: the stream may lose messages. */
export function createSafetyTimer(clock: Clock, look: () => void, isBusy: () => boolean): SafetyTimer {
  let cancel: (() => void) | null = null
  let dueMs = 0
  let stirredMs = 0

  function schedule(): void {
    const busy = isBusy() || clock.now() - stirredMs < BUSY_FOR_MS
    const delayMs = busy ? BUSY_MS : IDLE_MS
    cancel?.()
    dueMs = clock.now() + delayMs
    cancel = clock.setTimeout(() => {
      look()
      schedule()
    }, delayMs)
  }

  return {
    start() {
      stirredMs = clock.now()
      schedule()
    },
    stop() {
      cancel?.()
      cancel = null
    },
    stir() {
      stirredMs = clock.now()
      if (cancel && dueMs - stirredMs > BUSY_MS) schedule()
    },
  }
}
