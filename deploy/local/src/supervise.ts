import { setTimeout as delay } from "node:timers/promises"
import { describeExit } from "./processes/child.ts"
import type { Child, ExitStatus } from "./processes/child.ts"
import { decideRestart } from "./restart.ts"

export interface SuperviseOptions {
  name: string
  start: () => Child
  say: (line: string) => void
  /** Told of every end that was not asked for; `give-up` when it must not be started again. */
  onEnd?: (status: ExitStatus) => "restart" | "give-up"
}

export interface Supervised {
  stop(): Promise<void>
}

/** Keeps a child running: one that ends by itself is said and started again, less and less eagerly. */
export function supervise({ name, start, say, onEnd }: SuperviseOptions): Supervised {
  const stopping = new AbortController()
  let child: Child | null = null

  const begin = async (): Promise<ExitStatus> => {
    try {
      child = start()
      return await child.exited
    } catch (error) {
      return { code: null, signal: null, error: error instanceof Error ? error : new Error(String(error)) }
    }
  }
  const run = async (): Promise<void> => {
    let failures = 0
    while (!stopping.signal.aborted) {
      const startedAt = performance.now()
      const status = await begin()
      if (stopping.signal.aborted) return
      const decision = decideRestart({ code: status.code, aliveMs: performance.now() - startedAt, failures })
      if (onEnd?.(status) === "give-up" || decision.kind === "give-up") {
        say(`${name} ${describeExit(status)} and is not started again`)
        return
      }
      failures = decision.failures
      say(`${name} ${describeExit(status)}; starting it again in ${(decision.afterMs / 1000).toFixed(1)} s`)
      await delay(decision.afterMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }
  const ended = run()
  return {
    stop: async () => {
      stopping.abort()
      await child?.stop()
      await ended
    },
  }
}
