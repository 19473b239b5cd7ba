import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { LOG_TAIL_LINES } from "@boocontrol/shared/logs"
import type { LogBatch } from "@boocontrol/shared/logs"
import { instantOf } from "@boocontrol/shared/time"
import { EMPTY_RING, batchesOf, keepLines, tailOf } from "./ring.ts"

const proxy = (...lines: string[]): LogBatch => ({ source: "proxy", lines })
const upstream = (model: string, ...lines: string[]): LogBatch => ({ source: "upstream", model, lines })
const numbered = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${from + n}`)
const linesOf = (batches: readonly LogBatch[]): string[] => batches.flatMap(({ lines }) => lines)

describe("the tail of a host", () => {
  const ring = [proxy("p1", "p2"), upstream("m", "m1"), upstream("n", "n1"), proxy("p3")].reduce(
    keepLines,
    EMPTY_RING,
  )

  it.each([
    ["everything", { tail: 100 }, ["p1", "p2", "m1", "n1", "p3"]],
    ["the last lines, also part of a batch", { tail: 4 }, ["p2", "m1", "n1", "p3"]],
    ["one source", { source: "proxy" as const, tail: 100 }, ["p1", "p2", "p3"]],
    ["one model", { model: "n", tail: 100 }, ["n1"]],
    ["the last lines of one source", { source: "proxy" as const, tail: 2 }, ["p2", "p3"]],
    ["a source and a model that do not go together", { source: "proxy" as const, model: "m", tail: 9 }, []],
  ])("gives %s", (_what, filter, lines) => {
    expect(linesOf(tailOf(ring, filter))).toEqual(lines)
  })

  it("forgets the oldest lines beyond its length, and counts right however they come", () => {
    let long = EMPTY_RING
    for (let n = 0; n < 30; n++) long = keepLines(long, proxy(...numbered(n * 100, 100)))
    expect(linesOf(batchesOf(long))).toEqual(numbered(3000 - LOG_TAIL_LINES, LOG_TAIL_LINES))
    const flooded = keepLines(long, proxy(...numbered(0, 5000)))
    expect(linesOf(batchesOf(flooded))).toEqual(numbered(3000, LOG_TAIL_LINES))
  })

  it("holds the last lines, in their order, of batches of any size, and little more than these", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 40 })
    fc.assert(
      fc.property(sizes, (counts) => {
        let kept = EMPTY_RING
        let sent = 0
        for (const count of counts) {
          kept = keepLines(kept, upstream("m", ...numbered(sent, count)))
          sent += count
        }
        const there = Math.min(sent, LOG_TAIL_LINES)
        expect(linesOf(batchesOf(kept))).toEqual(numbered(sent - there, there))
        const held = kept.packed.reduce((sum, { lines }) => sum + lines, kept.lines)
        expect(held).toBeLessThanOrEqual(LOG_TAIL_LINES + 900)
      }),
      { numRuns: 50 },
    )
  })

  it("keeps no memory but what its lines take", () => {
    let kept = EMPTY_RING
    for (let n = 0; n < 20; n++) kept = keepLines(kept, proxy(...numbered(n * 100, 100)))
    const pieces = kept.packed.map(({ bytes }) => bytes)
    expect(pieces.length).toBeGreaterThan(10)
    for (const bytes of pieces) expect(bytes.buffer.byteLength).toBe(bytes.byteLength)
  })

  it("keeps whatever stands in a line", () => {
    const odd = ["", "a\nb", '"', "\u001b[31mred", "\ud83d\ude00", "\u2028"]
    const batch = { ...upstream("m", ...odd), at: instantOf(0) }
    let ring = keepLines(EMPTY_RING, batch)
    ring = keepLines(ring, proxy(...numbered(0, 300)))
    expect(batchesOf(ring)[0]).toEqual(batch)
  })
})
