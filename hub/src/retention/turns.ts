import type { AdvisoryLock } from "../platform/advisory-lock.ts"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"

export interface TurnsOptions {
  clock: Clock
  log: Log
  lock: AdvisoryLock
  /** `unfinished`: there is more to do than one run takes. */
  takeCare(signal: AbortSignal): Promise<{ unfinished: boolean }>
  countDays(): Promise<unknown>
}

const CARE_EVERY_MS = 3_600_000
const COUNT_EVERY_MS = 60_000
// How long after the one in charge died another one begins, at most, beside the check of the lock itself.
const LOOK_EVERY_MS = 5_000

/**
 * Does what only one hub of all should do, while this is the one:
 *   waiting    another hub holds the lock        -> in charge as soon as that one lets go, or is gone
 *   in charge  a run at once, then every hour,
 *              every minute while unfinished     -> waiting when the lock is lost
 */
export function careInTurns({ clock, log, lock, takeCare, countDays }: TurnsOptions): {
  start(): void
  stop(): Promise<void>
} {
  const abort = new AbortController()
  let caredMs = Number.NEGATIVE_INFINITY
  let countedMs = Number.NEGATIVE_INFINITY
  let running: Promise<void> | null = null
  let cancel: (() => void) | null = null

  const work = async (): Promise<void> => {
    const nowMs = clock.now()
    try {
      if (nowMs - countedMs >= COUNT_EVERY_MS) {
        countedMs = nowMs
        await countDays()
      }
      if (nowMs - caredMs >= CARE_EVERY_MS) {
        caredMs = nowMs
        const { unfinished } = await takeCare(abort.signal)
        if (unfinished) caredMs = nowMs - CARE_EVERY_MS + COUNT_EVERY_MS
      }
    } catch (error) {
      log.warn({ err: error }, "retention could not be done now")
    }
  }
  const look = (): void => {
    if (abort.signal.aborted) return
    if (lock.isHeld()) running ??= work().finally(() => (running = null))
    // Whoever is in charge after this hub begins anew, and so does this one when it is its turn again.
    else caredMs = Number.NEGATIVE_INFINITY
  }

  return {
    start() {
      if (cancel !== null) return
      lock.start()
      cancel = clock.every(LOOK_EVERY_MS, look)
    },
    async stop() {
      cancel?.()
      cancel = null
      abort.abort()
      await running
      await lock.stop()
    },
  }
}
