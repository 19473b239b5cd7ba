import { describe, expect, it } from "vitest"
import { instantOf, parseRfc3339 } from "./time.ts"

describe("parseRfc3339", () => {
  const cases: [string, string | null][] = [
    ["2026-08-22T09:29:57-07:00", "2026-08-22T16:29:57.000Z"],
    ["2026-08-22T16:30:02Z", "2026-08-22T16:30:02.000Z"],
    ["2026-08-22T16:30:02.9999999Z", "2026-08-22T16:30:02.999Z"],
    ["2026-08-22T16:30:02.5+02:00", "2026-08-22T14:30:02.500Z"],
    ["2026-08-22 16:30:02z", "2026-08-22T16:30:02.000Z"],
    ["2026-08-22T16:30:02", null],
    ["2026-02-30T25:61:00Z", null],
    ["2026-02-30T16:30:02Z", null],
    ["2026-02-29T16:30:02Z", null],
    ["2028-02-29T16:30:02Z", "2028-02-29T16:30:02.000Z"],
    ["2026-11-31T16:30:02+02:00", null],
    ["2026-10-31T00:30:02+02:00", "2026-10-30T22:30:02.000Z"],
    ["yesterday", null],
    ["", null],
  ]
  it.each(cases)("reads %s as %s, never rounding up", (text, expected) => {
    const epochMs = parseRfc3339(text)
    expect(epochMs === null ? null : instantOf(epochMs)).toBe(expected)
  })
})
