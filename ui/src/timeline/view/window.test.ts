import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { NOW } from "../../test/examples.ts"
import { LONGEST_MS, SHORTEST_MS, queryOf, shiftBy, spanOf, windowOf, zoomBy, zoomTo } from "./window.ts"

const HOUR = 3_600_000

describe("the window of an address", () => {
  it.each([
    ["nothing", {}, { kind: "moving", range: { key: "1h" } }],
    ["a range", { range: "6h" }, { kind: "moving", range: { key: "6h" } }],
    ["a range that there is not", { range: "5y" }, { kind: "moving", range: { key: "1h" } }],
    [
      "two times",
      { from: "2026-11-22T10:00:00Z", to: "2026-11-22T11:00:00Z" },
      { kind: "fixed", fromMs: NOW - 2 * HOUR, toMs: NOW - HOUR },
    ],
    [
      "times the wrong way round",
      { from: "2026-11-22T11:00:00Z", to: "2026-11-22T10:00:00Z" },
      { kind: "moving" },
    ],
    ["a time that is none", { from: "noon", to: "2026-11-22T11:00:00Z" }, { kind: "moving" }],
  ])("is read from %s", (_, query, expected) => {
    expect(windowOf(query)).toMatchObject(expected)
  })

  it("is the one that was written there", () => {
    const window = zoomTo(NOW - HOUR, NOW, NOW)
    expect(windowOf(queryOf(window))).toEqual(window)
  })

  it("never asks for more than the hub computes", () => {
    const window = windowOf({ from: "2020-01-01T00:00:00Z", to: "2026-11-22T12:00:00Z" })
    expect(window).toEqual({ kind: "fixed", fromMs: NOW - LONGEST_MS, toMs: NOW })
  })
})

describe("moving in time", () => {
  const span = { fromMs: NOW - 2 * HOUR, toMs: NOW - HOUR }

  it("looks closer and wider around the middle", () => {
    expect(spanOf(zoomBy(span, 0.5, NOW), NOW)).toMatchObject({
      fromMs: NOW - 1.75 * HOUR,
      toMs: NOW - 1.25 * HOUR,
    })
    expect(spanOf(zoomBy(span, 2, NOW), NOW)).toMatchObject({
      fromMs: NOW - 2.5 * HOUR,
      toMs: NOW - HOUR / 2,
    })
  })

  it("goes half a screen earlier, and later up to now", () => {
    expect(spanOf(shiftBy(span, -1, NOW), NOW)).toMatchObject({
      fromMs: NOW - 2.5 * HOUR,
      toMs: NOW - 1.5 * HOUR,
    })
    expect(spanOf(shiftBy({ fromMs: NOW - HOUR, toMs: NOW }, 1, NOW), NOW)).toMatchObject({
      fromMs: NOW - HOUR,
      toMs: NOW,
    })
  })

  it("never ends after now, is never too short to be drawn, nor longer than can be asked for", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -2 * LONGEST_MS, max: LONGEST_MS }),
        fc.integer({ min: -2 * LONGEST_MS, max: LONGEST_MS }),
        (a, b) => {
          const { fromMs, toMs } = spanOf(zoomTo(NOW + a, NOW + b, NOW), NOW)
          expect(toMs).toBeLessThanOrEqual(NOW)
          expect(toMs - fromMs).toBeGreaterThanOrEqual(SHORTEST_MS - 1)
          expect(toMs - fromMs).toBeLessThanOrEqual(LONGEST_MS + 1)
        },
      ),
    )
  })
})
