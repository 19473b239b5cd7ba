import type { ModelState } from "@boocontrol/shared/models"
import type { GpuMemory } from "../ports.ts"
import type { Clock } from "../platform/clock.ts"

/** Readings come once a second: the one after a load is complete only some time later. */
const SETTLE_MS = 2_500

/** Looks for the moment between two models: often enough to see each reading. */
const LOOK_MS = 500

export interface VramWatch {
  onState(model: string, state: ModelState): void
  /** Rise of memory in use over the load of each loaded model, MiB. */
  deltas(): ReadonlyMap<string, number>
  stop(): void
}

/**
 * Measures what a load took: the least memory in use since it began, and what is in use after it. The least, because at
 * the beginning of a swap the newest reading still holds the model that just left. Believed only if no other model
 * changed its state between, for then the difference would be somebody else's too.
 */
export function createVramWatch(options: {
  gpuMemory: GpuMemory
  clock: Clock
  onChange: () => void
}): VramWatch {
  const deltas = new Map<string, number>()
  let load: { model: string; lowestMib: number } | null = null
  let cancel: (() => void) | null = null

  function abandon(): void {
    load = null
    cancel?.()
    cancel = null
  }

  function look(): void {
    const usedMib = options.gpuMemory.usedMib()
    if (load && usedMib !== null) load.lowestMib = Math.min(load.lowestMib, usedMib)
    cancel = options.clock.setTimeout(look, LOOK_MS)
  }

  function measure({ model, lowestMib }: { model: string; lowestMib: number }): void {
    cancel?.()
    cancel = options.clock.setTimeout(() => {
      abandon()
      const after = options.gpuMemory.usedMib()
      if (after === null || after <= lowestMib) return
      deltas.set(model, Math.round(after - lowestMib))
      options.onChange()
    }, SETTLE_MS)
  }

  return {
    onState(model, state) {
      if (state === "ready" && load?.model === model) return measure(load)
      abandon()
      if (state === "stopped" || state === "error") deltas.delete(model)
      const usedMib = state === "starting" ? options.gpuMemory.usedMib() : null
      if (usedMib === null) return
      load = { model, lowestMib: usedMib }
      look()
    },
    deltas: () => deltas,
    stop: abandon,
  }
}
