import type { ModelTransition } from "@boocontrol/shared/models"
import type { EngineSink, GpuMemory } from "../ports.ts"
import type { Clock } from "../platform/clock.ts"
import {
  applyList,
  applyReason,
  applyRequestEnd,
  applyRunning,
  EMPTY_FLEET,
  REASON_WAIT_MS,
  settle,
} from "./core.ts"
import type { Fleet, FleetStep } from "./core.ts"
import { createVramWatch } from "./vram.ts"
import type { Instance, ListedModel, RunningModel } from "./ports.ts"
import { readingsOf } from "./view.ts"

export interface FleetTrackerOptions {
  sink: Pick<EngineSink, "models">
  gpuMemory: GpuMemory
  clock: Clock
}

export interface FleetTracker {
  connected(): void
  /** `down`: not only for a moment, so that no state is known any more. */
  ended(down: boolean): void
  list(models: readonly ListedModel[]): void
  /** `current`: no list came since this was asked, so its states are not older than what is known. */
  running(models: readonly RunningModel[], current: boolean): void
  contextLengths(lengths: ReadonlyMap<string, number>): void
  instances(known: ReadonlyMap<string, Instance>): void
  /** Models with a request in flight; null: the engine does not say. */
  busy(models: ReadonlySet<string> | null): void
  requestEnded(model: string, endMs: number): void
  startFailed(model: string, reason: string): void
  /** Whether any model is other than stopped. */
  anyAlive(): boolean
  stop(): void
}

/**
 * Changes that are no transition (an end of idle time moves with every request) are sent together after this time:
 * each message is stored.
 */
const CALM_MS = 1_000

/** Keeps the list of models and sends it whole whenever something in it changed. */
export function createFleetTracker({ sink, gpuMemory, clock }: FleetTrackerOptions): FleetTracker {
  let fleet: Fleet = EMPTY_FLEET
  let busy: ReadonlySet<string> | null = null
  let contextLengths: ReadonlyMap<string, number> = new Map()
  let instances: ReadonlyMap<string, Instance> = new Map()
  let heard = false
  /** The lists before this one came over the same connection. */
  let live = false
  let sent: string | null = null
  let cancelSettle: (() => void) | null = null
  let cancelCalm: (() => void) | null = null
  const vram = createVramWatch({ gpuMemory, clock, onChange: publishSoon })

  function publishSoon(): void {
    cancelCalm ??= clock.setTimeout(() => publish([]), CALM_MS)
  }

  function publish(transitions: readonly ModelTransition[]): void {
    cancelCalm?.()
    cancelCalm = null
    if (fleet.models.size === 0 && sent === null) return
    const models = readingsOf([...fleet.models.values()], {
      busy,
      processes: gpuMemory.processes(),
      loadDelta: vram.deltas(),
      contextLengths,
      instances,
      heard,
    })
    const body = JSON.stringify(models)
    if (body === sent && transitions.length === 0) return
    sent = body
    sink.models({ models, transitions: [...transitions] })
  }

  function take(step: FleetStep): void {
    fleet = step.fleet
    for (const { model, to } of step.transitions) vram.onState(model, to)
    if (step.transitions.length > 0 || sent === null) publish(step.transitions)
    else publishSoon()
    const failing = [...fleet.models.values()].some(({ failingSinceMs }) => failingSinceMs !== null)
    if (!failing || cancelSettle) return
    cancelSettle = clock.setTimeout(() => {
      cancelSettle = null
      take(settle(fleet, clock.now()))
    }, REASON_WAIT_MS)
  }

  return {
    connected() {
      heard = true
      live = false
      busy = null
    },
    ended(down) {
      live = false
      busy = null
      if (!down || !heard) return
      heard = false
      publish([])
    },
    list(models) {
      const at = { nowMs: clock.now(), live }
      const first = !live
      live = true
      take(applyList(fleet, models, at))
      if (first) publish([])
    },
    running(models, current) {
      if (fleet.models.size === 0 || !heard) return
      take(applyRunning(fleet, models, { nowMs: clock.now(), live, current }))
    },
    contextLengths(lengths) {
      contextLengths = lengths
      publishSoon()
    },
    instances(known) {
      instances = known
      publishSoon()
    },
    busy(models) {
      busy = models
      publishSoon()
    },
    requestEnded(model, endMs) {
      fleet = applyRequestEnd(fleet, model, endMs)
      publishSoon()
    },
    startFailed(model, text) {
      take(applyReason(fleet, { model, text }, clock.now()))
    },
    anyAlive: () =>
      [...fleet.models.values()].some(
        ({ state }) => state === "ready" || state === "starting" || state === "stopping",
      ),
    stop() {
      cancelSettle?.()
      cancelCalm?.()
      vram.stop()
    },
  }
}
