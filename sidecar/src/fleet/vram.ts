import type { ModelState } from "@boocontrol/shared/models"
import type { GpuMemory } from "../ports.ts"
import type { Clock } from "../platform/clock.ts"

/** Readings come once a second: the one after a load is complete only some time later. */
const SETTLE_MS = 2_500

export interface VramWatch {
  onState(model: string, state: ModelState): void
  /** Rise of memory in use over the load of each loaded model, MiB. */
  deltas(): ReadonlyMap<string, number>
  stop(): void
}

/**
 * Measures what a load took: memory in use before it and after it. Believed only if no other model changed its state
 * between, for then the difference would be somebody else's too.
 */
export function createVramWatch(options: {
  gpuMemory: GpuMemory
  clock: Clock
  onChange: () => void
}): VramWatch {
  const deltas = new Map<string, number>()
  let load: { model: string; beforeMib: number } | null = null
  let cancel: (() => void) | null = null

  function abandon(): void {
    load = null
    cancel?.()
    cancel = null
  }

  function measure(model: string, beforeMib: number): void {
    cancel = options.clock.setTimeout(() => {
      abandon()
      const after = options.gpuMemory.usedMib()
      if (after === null || after <= beforeMib) return
      deltas.set(model, Math.round(after - beforeMib))
      options.onChange()
    }, SETTLE_MS)
  }

  return {
    onState(model, state) {
      const current = load
      if (state === "ready" && current?.model === model) return measure(model, current.beforeMib)
      abandon()
      if (state === "stopped" || state === "error") deltas.delete(model)
      const beforeMib = state === "starting" ? options.gpuMemory.usedMib() : null
      if (beforeMib !== null) load = { model, beforeMib }
    },
    deltas: () => deltas,
    stop: abandon,
  }
}
