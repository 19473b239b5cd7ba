import type { EventKind, StreamName } from "@boocontrol/shared/subjects"
import type { SpoolStatus } from "@boocontrol/shared/hosts"

/** A durable message as it will be published, whenever that is. */
export interface SpoolMessage {
  lane: StreamName
  kind: EventKind
  messageId: string
  /** When it was emitted, epoch ms. */
  atMs: number
  payload: Uint8Array
}

/** A message with its place in the order of its lane: positions rise, and hold for the life of this process. */
export interface SpoolRecord extends SpoolMessage {
  position: number
}

/** Messages that were given up because there was no room, or because NATS will never take them. */
export interface SpoolLoss {
  reason: "no_room" | "too_large"
  count: number
  byKind: Partial<Record<EventKind, number>>
  fromMs: number
  toMs: number
}

/**
 * Durable messages that wait for their stream. Bounded: beyond its limit the oldest telemetry goes first, then
 * the oldest of the rest, and each loss is told.
 */
export interface Spool {
  /**
   * Takes a message. Resolves when it would outlive this process: for a spool in memory that is when its stream
   * has it. Rejects when it had to be given up.
   */
  append(message: SpoolMessage): Promise<void>
  /** The oldest messages of a lane after a position, in order. */
  read(lane: StreamName, after: number, limit: number): Promise<readonly SpoolRecord[]>
  /** Its stream has it. */
  remove(lane: StreamName, position: number): void
  /** It can never be published. */
  discard(lane: StreamName, position: number): void
  /** What was lost since the last call. */
  takeLosses(): SpoolLoss[]
  status(): SpoolStatus
}
