import type { BootId } from "@boocontrol/shared/ids"
import type { EventKind, StreamName } from "@boocontrol/shared/subjects"
import type { SpoolStatus } from "@boocontrol/shared/hosts"

/** A durable message as it will be published, whenever that is. */
export interface SpoolMessage {
  lane: StreamName
  kind: EventKind
  /** The life of the sidecar it was made in, and its number there: together they name it for ever. */
  boot: BootId
  seq: number
  /** When it was emitted, epoch ms. */
  atMs: number
  /** It says more of what an earlier message said, and is never sent before what was kept earlier. */
  inOrder: boolean
  payload: Uint8Array
}

/** A message with its place in the order of its lane: positions rise, and hold for the life of this process. */
export interface SpoolRecord extends SpoolMessage {
  position: number
}

export type LossReason = "no_room" | "no_disk" | "too_large" | "corrupt"

/** The numbers of one boot, as closed ranges in rising order. */
export interface LostSeqs {
  boot: BootId
  ranges: [from: number, to: number][]
}

/** Messages that were given up. With `corrupt`, `count` and `seqs` are an upper bound. */
export interface SpoolLoss {
  reason: LossReason
  count: number
  byKind: Partial<Record<EventKind, number>>
  fromMs: number
  toMs: number
  seqs: LostSeqs[]
}

/**
 * Durable messages that wait for their stream. Bounded: beyond its limit the oldest telemetry goes first, then
 * the oldest of the rest, and each loss is told.
 */
export interface Spool {
  /** Finds what earlier lives left. What is appended meanwhile waits. */
  open(events: SpoolEvents): Promise<void>
  /**
   * Takes a message. Resolves when it would outlive this process: it is in a file, or its stream has it. Rejects
   * when it had to be given up.
   */
  append(message: SpoolMessage): Promise<void>
  /** The oldest messages of a lane after a position that may be sent, in order. */
  read(lane: StreamName, after: number, limit: number): Promise<readonly SpoolRecord[]>
  /** How many messages of a lane wait. */
  depth(lane: StreamName): number
  /** Its stream has it. */
  remove(lane: StreamName, position: number): void
  /** It can never be published. */
  discard(lane: StreamName, position: number): void
  /** What was lost and not told yet. What is behind it is forgotten when `told` is called. */
  takeLosses(): SpoolLoss[]
  told(loss: SpoolLoss): void
  status(): SpoolStatus
  /** Writes what is still to be written, and lets go of the files. */
  close(): Promise<void>
}

/** What the spool tells. */
export interface SpoolEvents {
  /** A message may be sent now. */
  onSendable(record: SpoolRecord): void
  /** `takeLosses` has something. */
  onLoss(): void
  /** `status().problem` is another one. */
  onProblem(): void
}
