import fc from "fast-check"
import { expect, it } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import { coveredSeconds } from "./coverage.ts"

const START = Date.UTC(2026, 10, 22, 12)
const BUCKET = { startMs: START, widthMs: 10_000 }
const own = (...seconds: number[]) =>
  seconds.map((second) => ({ ts: instantOf(START + Math.round(second * 1_000)), source: "os" as const }))
const engine = (...seconds: number[]) =>
  own(...seconds).map(({ ts }) => ({ ts, source: "llama-swap" as const }))
const each = (first: number, every: number) =>
  Array.from({ length: 20 }, (_, n) => first + n * every).filter((second) => second < 10)

it.each([
  ["nothing", [], 0],
  ["one a second", own(...each(0, 1)), 10],
  ["one a second, late in it", own(...each(0.99, 1)), 10],
  ["ticks that drift", own(...each(0.4, 1.003)), 10],
  ["ticks that drift over the end", own(...each(0.999, 1.003)), 10],
  ["one left out", own(0, 1, 2, 4, 5, 6, 7, 8, 9), 9],
  ["an end after five", own(0, 1, 2, 3, 4), 5],
  ["a beginning after five", own(5, 6, 7, 8, 9), 5],
  ["a hole in the middle", own(0, 1, 8, 9), 4],
  ["one alone", own(4), 1],
  ["two of one second", own(0, 0.2, 1, 2, 3, 4), 5],
  ["two samples of an engine", engine(3, 8), 10],
  ["one sample of an engine", engine(3), 8],
  ["an engine's that fill what is missing", [...own(0, 1, 2), ...engine(4), ...own(9)], 9],
])("counts %s", (_what, samples, seconds) => {
  expect(coveredSeconds(samples, BUCKET)).toBe(seconds)
})

it("never counts more than the bucket has, nor more than the samples speak for", () => {
  const times = fc.uniqueArray(fc.integer({ min: 0, max: 9_999 }), { maxLength: 40 })
  fc.assert(
    fc.property(times, (given) => {
      const samples = own(...given.sort((a, b) => a - b).map((ms) => ms / 1_000))
      const seconds = coveredSeconds(samples, BUCKET)
      expect(seconds).toBeGreaterThanOrEqual(0)
      expect(seconds).toBeLessThanOrEqual(Math.min(10, Math.ceil(given.length * 1.5 + 1)))
    }),
  )
})
