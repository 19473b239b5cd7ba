import type { StreamName } from "@boocontrol/shared/subjects"
import type { SpoolFiles } from "./files.ts"
import { frameAt, frameBytesAt, HEADER_BYTES, nextFrame } from "./format.ts"
import type { Frame } from "./format.ts"
import type { SpoolMessage, SpoolRecord } from "./ports.ts"
import { logNameOf, markDone, waitingIn } from "./segment.ts"
import type { Segment } from "./segment.ts"

/** Where a record is on the disk. */
export interface Place {
  segment: Segment
  start: number
  bytes: number
}

/** A record of this life, until its stream has it or newer ones need its memory. */
export interface Held {
  record: SpoolRecord
  /** Null until it is written. */
  place: Place | null
  /** Its stream has it, or it was given up: nobody waits for it any more. */
  settled: boolean
  resolve(): void
  reject(reason: Error): void
}

/** One lane's records in the order of their positions: first those in files, then those not written yet. */
export interface LaneLog {
  readonly lane: StreamName
  /** Oldest first. */
  readonly segments: Segment[]
  /** Not written yet, oldest first. */
  readonly waiting: Held[]
  add(held: Held): void
  /** Some of those that wait have a place now. */
  written(): void
  /** `unwritten`: those too that are in no file. */
  read(after: number, limit: number, unwritten: boolean): Promise<SpoolRecord[]>
  /** Its stream has it, or it is given up: it waits no longer. Null where nothing of that position waits. */
  settle(position: number): { message: SpoolMessage; held: Held | null; segment: Segment | null } | null
  /** Forgets a segment whose records are gone. */
  forget(segment: Segment): void
  depth(): number
  bytes(): number
  oldestAtMs(): number
}

// What is sent at once is still in memory; a backlog is read from its files.
const RECENT_BYTES = 128 * 1024
const READ_BYTES = 128 * 1024
// Far more than can be on its way at once; the answer to one that is not listed is missed, and it is sent once more.
const MAX_HANDED_OUT = 1_024

export interface LaneLogOptions {
  lane: StreamName
  files: SpoolFiles
  segments: Segment[]
  /** Records that were found at the start, or written since, cannot be read any more: some, or all that wait. */
  onUnreadable(segment: Segment, count: number): void
}

export function createLaneLog({ lane, files, segments, onUnreadable }: LaneLogOptions): LaneLog {
  const waiting: Held[] = []
  /** Holds every record that waits and is newer than those evicted; in order. */
  const recent = new Map<number, Held>()
  /** Read from a file and handed out. */
  const handedOut = new Map<number, { message: SpoolMessage; place: Place }>()
  let recentBytes = 0
  let evictedUpTo = segments.at(-1) ? lastPosition(segments.at(-1)) : 0
  let cursor: Cursor | null = null

  function evict(): void {
    for (const [position, { place, record }] of recent) {
      if (recentBytes <= RECENT_BYTES || place === null) return
      recent.delete(position)
      recentBytes -= record.payload.byteLength
      evictedUpTo = position
      remember(position, record, place)
    }
  }

  function remember(position: number, message: SpoolMessage, place: Place): void {
    handedOut.delete(position)
    handedOut.set(position, { message: { ...message, payload: NOTHING }, place })
    const oldest = handedOut.keys().next().value
    if (handedOut.size > MAX_HANDED_OUT && oldest !== undefined) handedOut.delete(oldest)
  }

  /** Where to read on after a position. Null where no file holds anything newer. */
  function placeAfter(after: number): Cursor | null {
    if (cursor && after >= cursor.after && after < cursor.position && segments.includes(cursor.segment))
      return cursor
    return startOf(
      segments.find((segment) => lastPosition(segment) > after),
      after,
    )
  }

  async function bytesAt(segment: Segment, offset: number, length: number): Promise<Buffer> {
    const name = logNameOf(segment)
    try {
      return await files.read(name, { at: offset, bytes: length })
    } catch (error) {
      // Renamed just now.
      if (logNameOf(segment) === name) throw error
      return files.read(logNameOf(segment), { at: offset, bytes: length })
    }
  }

  /** The next frames of a segment; where bytes cannot be read as one, goes on at the next that can. */
  async function framesAt(segment: Segment, offset: number): Promise<{ frames: Frame[]; offset: number }> {
    const window = await bytesAt(segment, offset, Math.min(READ_BYTES, segment.bytes - offset))
    const wanted = frameBytesAt(window, 0)
    const bytes = wanted !== null && wanted > window.length ? await bytesAt(segment, offset, wanted) : window
    const frames: Frame[] = []
    let at = 0
    for (let frame = frameAt(bytes, at); frame; frame = frameAt(bytes, at)) {
      frames.push(frame)
      at = frame.end
    }
    if (frames.length > 0) return { frames: frames.map((frame) => moved(frame, offset)), offset: offset + at }
    const rest = await bytesAt(segment, offset, segment.bytes - offset)
    const next = nextFrame(rest, 1)
    return { frames: [], offset: next === null ? segment.bytes : offset + next }
  }

  async function readFiles(after: number, limit: number): Promise<SpoolRecord[]> {
    const found: SpoolRecord[] = []
    let place = placeAfter(after)
    while (place && found.length < limit) {
      const { segment } = place
      if (place.offset >= segment.bytes) {
        place = nextSegment(place)
        continue
      }
      const read = await framesAt(segment, place.offset).catch(() => null)
      const isHere = segments.includes(segment)
      if (isHere && read === null) lose(segment, waitingIn(segment))
      // Gone, or given up while it was read.
      if (!isHere || read === null) {
        place = placeAfter(found.at(-1)?.position ?? after)
        continue
      }
      let { position } = place
      let { offset } = read
      for (const frame of read.frames) {
        if (found.length >= limit) {
          offset = frame.start
          break
        }
        if (position > after && !segment.done.has(frame.start)) found.push(handOut(segment, frame, position))
        position += 1
      }
      cursor = place = { segment, offset, position, after: found.at(-1)?.position ?? after }
    }
    return found
  }

  function nextSegment({ segment, position, after }: Cursor): Cursor | null {
    if (segment.file !== null) return null
    const vanished = Math.min(lastPosition(segment) + 1 - position, waitingIn(segment))
    const following = segments[segments.indexOf(segment) + 1]
    if (vanished > 0) lose(segment, vanished)
    return startOf(following, after)
  }

  function lose(segment: Segment, count: number): void {
    segment.count -= count
    segment.damaged = true
    onUnreadable(segment, count)
  }

  function handOut(segment: Segment, { start, end, ...frame }: Frame, position: number): SpoolRecord {
    const record = { ...frame, lane, position }
    if (!recent.has(position)) remember(position, record, { segment, start, bytes: end - start })
    return record
  }

  const depth = () => waiting.length + segments.reduce((sum, segment) => sum + waitingIn(segment), 0)

  return {
    ...{ lane, segments, waiting },
    add(held) {
      waiting.push(held)
      recent.set(held.record.position, held)
      recentBytes += held.record.payload.byteLength
    },
    written() {
      const first = waiting.findIndex(({ place }) => place === null)
      waiting.splice(0, first === -1 ? waiting.length : first)
      evict()
    },
    async read(after, limit, unwritten) {
      if (after < evictedUpTo && segments.length > 0) {
        const found = await readFiles(after, limit)
        if (found.length > 0) return found
      }
      const found: SpoolRecord[] = []
      for (const [position, { record, place }] of recent) {
        if (position <= after) continue
        if (found.length >= limit || (place === null && !unwritten)) break
        found.push(record)
      }
      return found
    },
    settle(position) {
      const held = recent.get(position) ?? null
      const out = handedOut.get(position)
      handedOut.delete(position)
      if (held) {
        recent.delete(position)
        recentBytes -= held.record.payload.byteLength
        held.settled = true
        if (held.place === null) waiting.splice(waiting.indexOf(held), 1)
      }
      const message = held?.record ?? out?.message
      if (!message) return null
      const place = held?.place ?? out?.place ?? null
      if (place)
        markDone(place.segment, { position, start: place.start, bytes: place.bytes, atMs: message.atMs })
      return { message, held, segment: place?.segment ?? null }
    },
    forget(segment) {
      const index = segments.indexOf(segment)
      if (index !== -1) segments.splice(index, 1)
      if (cursor?.segment === segment) cursor = null
      for (const [position, { place }] of handedOut) if (place.segment === segment) handedOut.delete(position)
      for (const [position, { place, record }] of recent) {
        if (place?.segment !== segment) continue
        recent.delete(position)
        recentBytes -= record.payload.byteLength
      }
    },
    depth,
    bytes: () =>
      segments.reduce((sum, { pendingBytes }) => sum + pendingBytes, 0) +
      waiting.reduce((sum, { record }) => sum + record.payload.byteLength + HEADER_BYTES, 0),
    oldestAtMs() {
      const first = recent.values().next().value
      const inFiles = segments.find((segment) => waitingIn(segment) > 0)
      if (!inFiles) return first?.record.atMs ?? Infinity
      // All that waits is in memory: exact. Else the file's oldest, of which part may be done.
      return first?.place?.segment === inFiles && recent.size === depth()
        ? first.record.atMs
        : inFiles.oldestAtMs
    },
  }
}

interface Cursor {
  segment: Segment
  offset: number
  /** Of the record at `offset`. */
  position: number
  /** What lies between this position and `position` is done. */
  after: number
}

function startOf(segment: Segment | undefined, after: number): Cursor | null {
  return segment ? { segment, offset: 0, position: segment.base, after } : null
}

function lastPosition(segment: Segment | undefined): number {
  return segment ? segment.base + segment.count - 1 : 0
}

const NOTHING = new Uint8Array()

function moved(frame: Frame, by: number): Frame {
  return { ...frame, start: frame.start + by, end: frame.end + by }
}
