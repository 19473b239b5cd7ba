import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { TRUNCATION_MARK } from "@boocontrol/shared/logs"
import type { PerfSample } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import { jsonParts } from "./split.ts"

function sampleAt(second: number): PerfSample {
  return { ts: instantOf(second * 1000), gpu: null, sys: null, source: "os" }
}

describe("splitting what is too large for one message", () => {
  it("leaves alone what fits", () => {
    const data = { samples: [sampleAt(1), sampleAt(2)] }
    expect(jsonParts("perf", data)).toEqual([JSON.stringify(data)])
  })

  it("keeps every sample once and in order, in parts within the limit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 200, max: 3000 }), (count, limit) => {
        const samples = Array.from({ length: count }, (_, second) => sampleAt(second))
        const parts = jsonParts("perf", { samples }, limit)
        expect(parts.every((part) => Buffer.byteLength(part) <= limit)).toBe(true)
        const back = parts.flatMap((part) => (JSON.parse(part) as { samples: PerfSample[] }).samples)
        expect(back).toEqual(samples)
      }),
      { numRuns: 50 },
    )
  })

  it("counts bytes, not characters", () => {
    const lines = ["ä".repeat(300), "日".repeat(300)]
    const parts = jsonParts("log", { source: "proxy", lines }, 1_200)
    expect(parts).toHaveLength(2)
  })

  it("says once how many lines were dropped before", () => {
    const lines = Array.from({ length: 40 }, (_, at) => `line ${at} ${"x".repeat(50)}`)
    const parts = jsonParts("log", { source: "upstream", model: "m", lines, dropped: 7 }, 1_000)
    const read = parts.map((part) => JSON.parse(part) as { lines: string[]; dropped?: number; model: string })
    expect(read.map(({ dropped }) => dropped ?? 0).reduce((a, b) => a + b)).toBe(7)
    expect(read.flatMap((part) => part.lines)).toEqual(lines)
    expect(read.every(({ model }) => model === "m")).toBe(true)
  })

  it("cuts what is alone too large, and marks the cut", () => {
    const [part, ...more] = jsonParts("note", {
      note: "x",
      ts: instantOf(0),
      detail: { text: "y".repeat(900_000) },
    })
    expect(more).toEqual([])
    expect(part).toContain(TRUNCATION_MARK)
    expect(Buffer.byteLength(part ?? "")).toBeLessThan(512 * 1024)
  })

  it("gives nothing where no cut helps", () => {
    expect(jsonParts("note", { note: "x", ts: instantOf(0), detail: {} }, 10)).toEqual([])
  })
})
