import type { StreamName } from "@boocontrol/shared/subjects"
import type { GrowingFile } from "./files.ts"

/** A file of one lane, and which of its records still wait. */
export interface Segment {
  lane: StreamName
  number: number
  /** What of the file is records, and what lies between them. */
  bytes: number
  /** Position of its first record; the others follow without a hole. */
  base: number
  count: number
  /** Where the records begin that the stream has. */
  done: Set<number>
  /** Those that the file beside it does not list yet. */
  unsavedDone: number[]
  pendingBytes: number
  /** No record that waits was emitted earlier. */
  oldestAtMs: number
  /** Up to which position all are done. */
  doneUpTo: number
  /** Open while it grows. */
  file: GrowingFile | null
  /** Written, and not yet known to be on the disk. */
  unsynced: boolean
  syncing: Promise<void> | null
  /** The last sync failed, so that what was written before it may not be on the disk whatever the next one says. */
  syncFailed: boolean
  /** Part of it could not be read, and that was told: it is set aside, not removed. */
  scarred: boolean
  /** Part of it turned out to be unreadable in this life. */
  damaged: boolean
}

const PREFIX: Record<StreamName, string> = { BOO_EVENTS: "events", BOO_PERF: "perf" }

/**
 * What the end of a file's name says of it:
 *
 * | ending  | holds                                                                          |
 * | ---     | ---                                                                            |
 * | log     | records that wait, and some that are done                                      |
 * | done    | which those are                                                                |
 * | dropped | records that were given up, until that is told                                 |
 * | scarred | as log; part of it cannot be read, and that was told                           |
 * | corrupt | a scarred one of which nothing waits any more: for whoever wants to look at it |
 */
export type Ending = "log" | "done" | "dropped" | "scarred" | "corrupt"

export function nameOf({ lane, number }: Pick<Segment, "lane" | "number">, ending: Ending): string {
  return `${PREFIX[lane]}-${String(number).padStart(10, "0")}.${ending}`
}

export interface ParsedName {
  lane: StreamName
  number: number
  ending: Ending
}

export function parseName(name: string): ParsedName | null {
  const match = /^(events|perf)-(\d{10})\.(log|done|dropped|scarred|corrupt)$/.exec(name)
  if (!match) return null
  const [, prefix, number, ending] = match
  return {
    lane: prefix === "perf" ? "BOO_PERF" : "BOO_EVENTS",
    number: Number(number),
    ending: endingOf(ending),
  }
}

function endingOf(text: string | undefined): Ending {
  switch (text) {
    case "done":
    case "dropped":
    case "scarred":
    case "corrupt":
      return text
    default:
      return "log"
  }
}

/** The name its records are under now. */
export function logNameOf(segment: Segment): string {
  return nameOf(segment, segment.scarred ? "scarred" : "log")
}

export function newSegment(lane: StreamName, number: number, base: number): Segment {
  return {
    ...{ lane, number, base, bytes: 0, count: 0, done: new Set(), unsavedDone: [], pendingBytes: 0 },
    ...{ oldestAtMs: Infinity, doneUpTo: base - 1, file: null, unsynced: false, syncing: null },
    ...{ syncFailed: false, scarred: false, damaged: false },
  }
}

export function waitingIn(segment: Segment): number {
  return segment.count - segment.done.size
}

/** The stream has this record. */
export function markDone(
  segment: Segment,
  record: { position: number; start: number; bytes: number; atMs: number },
): void {
  if (segment.done.has(record.start)) return
  segment.done.add(record.start)
  segment.unsavedDone.push(record.start)
  segment.pendingBytes -= record.bytes
  if (record.position !== segment.doneUpTo + 1) return
  segment.doneUpTo = record.position
  segment.oldestAtMs = Math.max(segment.oldestAtMs, record.atMs)
}
