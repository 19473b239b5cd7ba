import type { StreamName } from "@boocontrol/shared/subjects"
import type { BootId } from "@boocontrol/shared/ids"
import { GIVEN_UP_IN_ORDER } from "./lanes.ts"

/** A file of one lane; the oldest first within its lane. */
export interface SegmentSize {
  lane: StreamName
  bytes: number
}

export interface Room<S extends SegmentSize> {
  segments: readonly S[]
  maxBytes: number
  incoming: SegmentSize
}

export interface Admission<S extends SegmentSize> {
  /** To be given up for it, in this order. */
  giveUp: S[]
  /** False where what would have to go is worth more than what comes. */
  admitted: boolean
}

/**
 * What has to go so that a message has room: the oldest telemetry first, then the oldest of the rest; telemetry never
 * displaces anything but telemetry. The rest is always admitted: it may be what says that something was lost.
 */
export function admit<S extends SegmentSize>({ segments, maxBytes, incoming }: Room<S>): Admission<S> {
  const yielding = GIVEN_UP_IN_ORDER.slice(0, GIVEN_UP_IN_ORDER.indexOf(incoming.lane) + 1)
  const giveUp: S[] = []
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes, incoming.bytes)
  for (const lane of yielding) {
    for (const segment of segments) {
      if (bytes <= maxBytes) return { giveUp, admitted: true }
      if (segment.lane !== lane) continue
      giveUp.push(segment)
      bytes -= segment.bytes
    }
  }
  if (bytes <= maxBytes) return { giveUp, admitted: true }
  // Nothing is won by emptying a lane for a message that still has no room.
  return incoming.lane === "BOO_EVENTS" ? { giveUp, admitted: true } : { giveUp: [], admitted: false }
}

/** What was found in a lane, in order: a record, or bytes that are none. */
export type Found = { boot: BootId; seq: number; atMs: number } | "fault"

export interface Gap {
  boot: BootId
  /** Empty where it cannot be told which. */
  seqs: number[]
  fromMs: number
  toMs: number
}

/**
 * Which numbers may have stood where bytes cannot be read: those beside the neighbours that are found in no lane.
 * Both lanes share one count, so a number of the other lane is not missing; one that was stored and removed long ago
 * may be among them, which makes this an upper bound. A fault that ends a lane, and beyond which nothing of that boot
 * is known, is the torn end of a life: what stood there was never answered as safe.
 */
export function gapsAt(lane: readonly Found[], known: ReadonlyMap<BootId, ReadonlySet<number>>): Gap[] {
  const gaps: Gap[] = []
  let before: Found | undefined
  for (const [index, found] of lane.entries()) {
    if (found !== "fault") {
      before = found
      continue
    }
    if (lane[index - 1] === "fault") continue
    const after = lane.slice(index + 1).find((one) => one !== "fault")
    if (before && before !== "fault") {
      const sameBoot = after?.boot === before.boot
      const end = sameBoot ? after.seq : largest(known.get(before.boot))
      const seqs = missing(known.get(before.boot), before.seq + 1, end)
      const toMs = sameBoot ? after.atMs : before.atMs
      if (seqs.length > 0) gaps.push({ boot: before.boot, seqs, fromMs: before.atMs, toMs })
      if (sameBoot) continue
    }
    if (after) {
      const seqs = missing(known.get(after.boot), smallest(known.get(after.boot)), after.seq)
      gaps.push({ boot: after.boot, seqs, fromMs: after.atMs, toMs: after.atMs })
    }
  }
  return gaps
}

// A file holds fewer records than this.
const MAX_GAP = 30_000

function missing(known: ReadonlySet<number> | undefined, from: number, end: number): number[] {
  const seqs: number[] = []
  for (let seq = Math.max(from, end - MAX_GAP); seq < end; seq += 1) if (!known?.has(seq)) seqs.push(seq)
  return seqs
}

function largest(seqs: ReadonlySet<number> = new Set()): number {
  let most = 0
  for (const seq of seqs) most = Math.max(most, seq)
  return most
}

function smallest(seqs: ReadonlySet<number> = new Set()): number {
  let least = Infinity
  for (const seq of seqs) least = Math.min(least, seq)
  return least
}
