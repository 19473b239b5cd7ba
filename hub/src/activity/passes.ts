import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"

export interface Passes {
  clock: Clock
  log: Log
  everyMs: number
  /** Does some of what is marked, and resolves to how much: asked again until nothing is left. */
  steps: readonly (() => Promise<number>)[]
  /** What is said where one fails. */
  failed: string
}

/** Works off marks in the background, one pass at a time. The result ends it, and waits for the pass in hand. */
export function startPasses({ clock, log, everyMs, steps, failed }: Passes): () => Promise<void> {
  const abort = new AbortController()
  let running: Promise<void> | null = null
  const pass = async (): Promise<void> => {
    try {
      for (const step of steps) while (!abort.signal.aborted && (await step()) > 0);
    } catch (error) {
      // The marks are still there: nothing is lost but time.
      log.warn({ err: error }, failed)
    }
  }
  const look = (): void => {
    running ??= pass().finally(() => (running = null))
  }
  const cancel = clock.every(everyMs, look)
  look()
  return async () => {
    cancel()
    abort.abort()
    await running
  }
}
