import { describe, expect, it } from "vitest"
import { ago, clockTime, contextLength, count, decimal, duration, gib, left, plural } from "./format.ts"

const S = 1000
const M = 60 * S
const H = 60 * M
const D = 24 * H

describe("how figures are written", () => {
  it.each([
    [null, "–"],
    [0, "0"],
    [999, "999"],
    [1204, "1,204"],
    [2_135_165, "2,135,165"],
    [-1204.4, "-1,204"],
  ])("count %j is %s", (value, text) => expect(count(value)).toBe(text))

  it.each([
    [null, "–"],
    [0, "0.0"],
    [142.63, "142.6"],
    [1081.4, "1,081"],
  ])("decimal %j is %s", (value, text) => expect(decimal(value)).toBe(text))

  it("memory is in GiB", () => expect([gib(27_033), gib(null)]).toEqual(["26.4", "–"]))

  it.each([
    [null, "–"],
    [820, "820 ms"],
    [6200, "6.2 s"],
    [41_900, "41 s"],
    [2 * M + 4 * S, "2m 04s"],
    [15 * M, "15m"],
    [3 * H + 5 * M, "3h 05m"],
    [2 * D + 4 * H, "2d 4h"],
  ])("duration %j is %s", (ms, text) => expect(duration(ms)).toBe(text))

  it.each([
    [-5, "0s"],
    [44_100, "45s"],
    [12 * M + 59 * S, "12m"],
    [2 * H, "2h"],
    [3 * D, "3d"],
  ])("%i ms left is %s", (ms, text) => expect(left(ms)).toBe(text))

  it.each([
    [3 * S, "just now"],
    [42 * S, "42 s ago"],
    [14 * M, "14 min ago"],
    [47 * H, "47 h ago"],
    [30 * D, "30 days ago"],
  ])("%i ms ago is %s", (ms, text) => expect(ago(ms)).toBe(text))

  it("a time of day is of this machine's zone, to the second", () => {
    expect(clockTime(new Date(2026, 10, 22, 8, 2, 5).getTime())).toBe("08:02:05")
  })

  it("a context is in thousands of tokens", () => {
    expect([contextLength(65_536), contextLength(512), contextLength(null)]).toEqual(["64k", "512", null])
  })

  it("one is not many", () =>
    expect([plural(1, "swap"), plural(1200, "swap")]).toEqual(["1 swap", "1,200 swaps"]))
})
