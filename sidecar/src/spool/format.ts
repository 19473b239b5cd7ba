import { crc32 } from "node:zlib"
import { MAX_MESSAGE_BYTES } from "@boocontrol/shared/envelope"
import { BootId } from "@boocontrol/shared/ids"
import type { EventKind } from "@boocontrol/shared/subjects"
import type { SpoolMessage } from "./ports.ts"

/**
 * A record in a segment file, numbers in little endian:
 *
 *      0  magic          4  f5 42 4f 31; f5 is in no UTF-8 text, so no payload can hold it
 *      4  crc32          4  of all that follows
 *      8  payload bytes  4
 *     12  kind           1  place in KINDS
 *     13  flags          1  bit 0: in order
 *     14  unused         2
 *     16  emitted at     8  epoch ms, float
 *     24  seq            8  float
 *     32  boot          16
 *     48  payload           as it is published
 */
export const HEADER_BYTES = 48
const MAGIC = Buffer.from([0xf5, 0x42, 0x4f, 0x31])
/** The order is part of the format: only ever append. */
const KINDS = ["models", "activity", "note", "result", "perf"] as const satisfies readonly EventKind[]
const IN_ORDER = 1

export interface Frame extends Omit<SpoolMessage, "lane"> {
  /** Where it begins and ends in the bytes it was found in. */
  start: number
  end: number
}

/** Bytes that are no record. */
export interface Fault {
  start: number
  end: number
}

export function frameHeader(message: SpoolMessage): Buffer {
  const head = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(head)
  head.writeUInt32LE(message.payload.byteLength, 8)
  head.writeUInt8(
    KINDS.findIndex((kind) => kind === message.kind),
    12,
  )
  head.writeUInt8(message.inOrder ? IN_ORDER : 0, 13)
  head.writeDoubleLE(message.atMs, 16)
  head.writeDoubleLE(message.seq, 24)
  head.write(message.boot.replaceAll("-", ""), 32, "hex")
  head.writeUInt32LE(crc32(message.payload, crc32(head.subarray(8))), 4)
  return head
}

/** How many bytes a record at `at` claims to take; null where none begins there. */
export function frameBytesAt(bytes: Buffer, at: number): number | null {
  if (at + HEADER_BYTES > bytes.length || bytes.compare(MAGIC, 0, 4, at, at + 4) !== 0) return null
  const payloadBytes = bytes.readUInt32LE(at + 8)
  return payloadBytes > MAX_MESSAGE_BYTES ? null : HEADER_BYTES + payloadBytes
}

/** The record at `at`; null where it is not whole, or not what was written. */
export function frameAt(bytes: Buffer, at: number): Frame | null {
  const length = frameBytesAt(bytes, at)
  if (length === null || at + length > bytes.length) return null
  const end = at + length
  if (crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32LE(at + 4)) return null
  const kind = KINDS[bytes.readUInt8(at + 12)]
  const boot = BootId.safeParse(uuidOf(bytes.toString("hex", at + 32, at + 48)))
  if (kind === undefined || !boot.success) return null
  return {
    kind,
    boot: boot.data,
    seq: bytes.readDoubleLE(at + 24),
    atMs: bytes.readDoubleLE(at + 16),
    inOrder: (bytes.readUInt8(at + 13) & IN_ORDER) !== 0,
    payload: bytes.subarray(at + HEADER_BYTES, end),
    ...{ start: at, end },
  }
}

/** Where the next whole record begins, at or after `from`; null where there is none. */
export function nextFrame(bytes: Buffer, from: number): number | null {
  for (let at = bytes.indexOf(MAGIC, from); at !== -1; at = bytes.indexOf(MAGIC, at + 1))
    if (frameAt(bytes, at) !== null) return at
  return null
}

/** Every whole record, and what lies between them. */
export function scan(bytes: Buffer): { frames: Frame[]; faults: Fault[] } {
  const frames: Frame[] = []
  const faults: Fault[] = []
  for (let at = 0; at < bytes.length;) {
    const frame = frameAt(bytes, at)
    if (frame === null) {
      const end = nextFrame(bytes, at + 1) ?? bytes.length
      faults.push({ start: at, end })
      at = end
      continue
    }
    frames.push(frame)
    at = frame.end
  }
  return { frames, faults }
}

function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}

// Beside each segment: which of its records the stream has, as where they begin, and that again, changed, as a check.
const CHECK = 0x5a17c0de
export const DONE_BYTES = 8

export function doneEntries(starts: readonly number[]): Buffer {
  const bytes = Buffer.alloc(starts.length * DONE_BYTES)
  for (const [index, start] of starts.entries()) {
    bytes.writeUInt32LE(start, index * DONE_BYTES)
    bytes.writeUInt32LE((start ^ CHECK) >>> 0, index * DONE_BYTES + 4)
  }
  return bytes
}

/** What does not check is left out: its record is sent once more. */
export function readDone(bytes: Buffer): Set<number> {
  const done = new Set<number>()
  for (let at = 0; at + DONE_BYTES <= bytes.length; at += DONE_BYTES) {
    const start = bytes.readUInt32LE(at)
    if (bytes.readUInt32LE(at + 4) === (start ^ CHECK) >>> 0) done.add(start)
  }
  return done
}
