import type { ActivityRow } from "./activity.ts"
import type { InflightUpdate } from "./inflight.ts"

export type LogSource = "proxy" | "upstream"

export type EngineEvent =
  | { kind: "models" }
  | { kind: "profile" }
  | { kind: "activity"; row: ActivityRow }
  | { kind: "inflight"; update: InflightUpdate }
  | { kind: "log"; source: LogSource; data: Buffer }

export interface Bus {
  emit(event: EngineEvent): void
  on(listener: (event: EngineEvent) => void): () => void
}

export function createBus(): Bus {
  const listeners = new Set<(event: EngineEvent) => void>()
  return {
    emit(event) {
      for (const listener of [...listeners]) listener(event)
    },
    on(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
