import { describe, expect, it } from "vitest"
import { LOG_TAIL_LINES } from "@boocontrol/shared/logs"
import type { LogBatch } from "@boocontrol/shared/logs"
import { EMPTY_RING, keepLines, tailOf } from "./core.ts"

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
    expect(linesOf(long.batches)).toEqual(numbered(3000 - LOG_TAIL_LINES, LOG_TAIL_LINES))
    expect(long.lines).toBe(LOG_TAIL_LINES)
    const flooded = keepLines(long, proxy(...numbered(0, 5000)))
    expect(linesOf(flooded.batches)).toEqual(numbered(3000, LOG_TAIL_LINES))
  })
})
