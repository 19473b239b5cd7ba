import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { doneEntries, frameHeader, readDone, scan } from "./format.ts"
import type { SpoolMessage } from "./ports.ts"
import { BOOT, message } from "./test/messages.ts"

const KINDS = ["models", "activity", "note", "result", "perf"] as const

const anyMessage = fc.record({
  kind: fc.constantFrom(...KINDS),
  seq: fc.integer({ min: 1, max: 2 ** 40 }),
  atMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  inOrder: fc.boolean(),
  payload: fc.string({ unit: "binary", maxLength: 40 }).map((text) => Buffer.from(JSON.stringify(text))),
})

function recorded(messages: readonly SpoolMessage[]): Buffer {
  return Buffer.concat(messages.flatMap((one) => [frameHeader(one), one.payload]))
}

const seqs = (bytes: Buffer) => scan(bytes).frames.map(({ seq }) => seq)

describe("records in a file", () => {
  it("are read as they were written, payload and all", () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 8 }), (given) => {
        const messages = given.map((one) => ({ ...one, lane: "BOO_EVENTS" as const, boot: BOOT }))
        const { frames, faults } = scan(recorded(messages))
        expect(faults).toEqual([])
        const read = frames.map(({ kind, seq, atMs, inOrder, payload, boot }) => ({
          ...{ kind, seq, atMs, inOrder, payload: Buffer.from(payload), lane: "BOO_EVENTS", boot },
        }))
        expect(read).toEqual(messages)
      }),
    )
  })

  const five = recorded([1, 2, 3, 4, 5].map((seq) => message("BOO_EVENTS", seq)))
  const length = five.length / 5

  it("are a prefix of what was written, wherever the file is cut", () => {
    for (let cut = 0; cut <= five.length; cut += 1)
      expect(seqs(five.subarray(0, cut))).toEqual([1, 2, 3, 4, 5].slice(0, Math.floor(cut / length)))
  })

  it("are all but the one that was hit, whichever byte is spoilt and however", () => {
    for (let at = 0; at < five.length; at += 1) {
      for (const change of [0x01, 0x80, 0xff]) {
        const spoilt = Buffer.from(five)
        spoilt.writeUInt8((spoilt.readUInt8(at) ^ change) & 0xff, at)
        const left = seqs(spoilt)
        const hit = Math.floor(at / length) + 1
        // Two unused bytes of a header are covered by its checksum as well.
        expect(left).toEqual([1, 2, 3, 4, 5].filter((seq) => seq !== hit))
      }
    }
  })

  it("are never made up of noise, nor of a payload that holds the text of a record", () => {
    const trap = message("BOO_EVENTS", 9, { payload: Buffer.from(JSON.stringify(five.toString("latin1"))) })
    expect(seqs(recorded([trap]))).toEqual([9])
    // Even where the outer record is torn.
    expect(seqs(recorded([trap]).subarray(10))).toEqual([])
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        expect(scan(Buffer.from(noise)).frames).toEqual([])
      }),
    )
  })

  it("are found again behind any garbage", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (noise) => {
        const { frames, faults } = scan(Buffer.concat([five, noise, five]))
        expect(frames.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
        expect(faults).toEqual([{ start: five.length, end: five.length + noise.length }])
      }),
    )
  })
})

describe("the list of what is done", () => {
  it("is read as written, and less of it where it is torn or spoilt, never more", () => {
    const starts = [0, 48, 1_000_000, 4_294_967_295]
    const bytes = doneEntries(starts)
    expect([...readDone(bytes)]).toEqual(starts)
    for (let at = 0; at < bytes.length; at += 1) {
      const spoilt = Buffer.from(bytes)
      spoilt.writeUInt8(spoilt.readUInt8(at) ^ 0x10, at)
      expect([...readDone(spoilt)]).toEqual(starts.filter((_, index) => index !== Math.floor(at / 8)))
      expect(starts).toEqual(expect.arrayContaining([...readDone(bytes.subarray(0, at))]))
    }
  })
})
