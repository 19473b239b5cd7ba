import type { FleetHost } from "@boocontrol/shared/fleet"

export interface HealthPort {
  askDatabase: () => Promise<unknown>
  askNats: () => Promise<unknown>
}

export interface StreamFigures {
  stream: string
  stored: number
  deadLetters: number
  disabled: number
  lagMs: number | null
}

export interface MetricsPort {
  liveness(): Record<string, number>
  hosts(): readonly FleetHost[]
  streams(): readonly StreamFigures[]
  /** Rows that have no partition of their own, by table. */
  defaultRows(): Readonly<Record<string, number>>
  sockets(): { clients: number; frames: number; lost: number }
}

/** How a request of the gateway ended; `kind` is one of few. */
export interface GatewayEnd {
  kind: string
  outcome: string
  attempts: number
  firstByteMs: number | null
  durationMs: number
}
