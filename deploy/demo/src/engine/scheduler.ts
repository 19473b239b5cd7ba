import type { HostScenario } from "../scenario.ts"
import type { ModelProcess } from "./process.ts"

/** llama-swap's own limit for a model whose configuration names none. */
const DEFAULT_CONCURRENCY_LIMIT = 10

export type Admission =
  { kind: "serve" } | { kind: "too-many" } | { kind: "aborted" } | { kind: "failed"; cause: string }

interface Waiter {
  process: ModelProcess
  settle: (admission: Admission) => void
}

export interface Scheduler {
  /** Waits until the model is ready; a start and the evictions it needs happen on the way. */
  acquire(process: ModelProcess, signal: AbortSignal): Promise<Admission>
  release(process: ModelProcess): void
  /** A process changed its state: whoever waits may go on, or has failed. */
  onState(process: ModelProcess, failure: string | null): void
  waiting(process: ModelProcess): number
  /** Whoever waits, for this model or for any, is told that it failed. */
  fail(cause: string, process?: ModelProcess): void
}

/**
 * First in, first out, with llama-swap's exceptions: a ready model is served at once, requests for one starting
 * model share its start, and a swap that would evict a busy model waits until that one is idle.
 */
export function createScheduler(
  processes: ReadonlyMap<string, ModelProcess>,
  groups: HostScenario["groups"],
): Scheduler {
  let queue: Waiter[] = []
  const admitted = new Map<ModelProcess, number>()

  function evictionsFor(target: ModelProcess): ModelProcess[] {
    const home = groupOf(target.model.id, groups)
    return [...processes.values()].filter((other) => {
      if (other === target || other.state === "stopped") return false
      const group = groupOf(other.model.id, groups)
      return group.id === home.id ? home.swap : home.exclusive && !group.persistent
    })
  }

  function countOf(process: ModelProcess) {
    return admitted.get(process) ?? 0
  }

  function drain() {
    serveReady()
    for (const { process } of queue) {
      if (process.state !== "stopped") continue
      const evicted = evictionsFor(process)
      if (!evicted.every(isIdle)) continue
      for (const other of evicted) other.stop()
      if (evicted.every((other) => other.state === "stopped")) process.start()
    }
  }

  /** All who wait for a ready model, before anybody else's swap is looked at. */
  function serveReady() {
    const served = queue.filter((waiter) => waiter.process.state === "ready")
    queue = queue.filter((waiter) => !served.includes(waiter))
    for (const waiter of served) waiter.settle({ kind: "serve" })
  }

  function isIdle(process: ModelProcess): boolean {
    return process.state !== "starting" && countOf(process) === waitingFor(process, queue)
  }

  return {
    acquire(process, signal) {
      const limit = process.model.concurrency_limit || DEFAULT_CONCURRENCY_LIMIT
      if (countOf(process) >= limit) return Promise.resolve({ kind: "too-many" })
      admitted.set(process, countOf(process) + 1)
      return new Promise((resolve) => {
        const waiter: Waiter = {
          process,
          settle(admission) {
            signal.removeEventListener("abort", onAbort)
            if (admission.kind !== "serve") admitted.set(process, countOf(process) - 1)
            resolve(admission)
          },
        }
        function onAbort() {
          queue = queue.filter((other) => other !== waiter)
          waiter.settle({ kind: "aborted" })
        }
        if (signal.aborted) return onAbort()
        signal.addEventListener("abort", onAbort, { once: true })
        queue.push(waiter)
        drain()
      })
    },
    release(process) {
      admitted.set(process, countOf(process) - 1)
      drain()
    },
    onState(process, failure) {
      if (failure !== null) {
        const failed = queue.filter((waiter) => waiter.process === process)
        queue = queue.filter((waiter) => waiter.process !== process)
        for (const waiter of failed) waiter.settle({ kind: "failed", cause: failure })
      }
      drain()
    },
    waiting: (process) => waitingFor(process, queue),
    fail(cause, process) {
      const failed = queue.filter((waiter) => process === undefined || waiter.process === process)
      queue = queue.filter((waiter) => !failed.includes(waiter))
      for (const waiter of failed) waiter.settle({ kind: "failed", cause })
    },
  }
}

function waitingFor(process: ModelProcess, queue: readonly Waiter[]): number {
  return queue.filter((waiter) => waiter.process === process).length
}

function groupOf(modelId: string, groups: HostScenario["groups"]) {
  return (
    groups.find((group) => group.members.includes(modelId)) ?? {
      id: "(default)",
      swap: true,
      exclusive: true,
      persistent: false,
      members: [],
    }
  )
}
