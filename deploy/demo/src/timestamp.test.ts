import { expect, it } from "vitest"
import { goDuration, parseRfc3339, rfc3339 } from "./timestamp.ts"

const AT = Date.UTC(2026, 7, 22, 16, 29, 57, 120)

it.each([
  [-420, "2026-08-22T09:29:57-07:00"],
  [0, "2026-08-22T16:29:57Z"],
  [330, "2026-08-22T21:59:57+05:30"],
])("prints whole seconds in a local time %i minutes from UTC", (offset, expected) => {
  expect(rfc3339(AT, offset, "seconds")).toBe(expected)
})

it("prints a fraction that reads back to the same millisecond", () => {
  const text = rfc3339(AT, -420, "nanoseconds")
  expect(text).toMatch(/^2026-08-22T09:29:57\.120\d+-07:00$/)
  expect(parseRfc3339(text)).toBe(AT)
})

it.each([
  [0.1615, "161.5µs"],
  [26.682622, "26.682622ms"],
  [1791.902664, "1.791902664s"],
  [134_057.5, "2m14.0575s"],
  [3_661_000, "1h1m1s"],
])("prints %d ms as Go does", (ms, expected) => {
  expect(goDuration(ms)).toBe(expected)
})

it.each(["yesterday", "2026-08-22", "2026-08-22T09:29:57", "2026-08-22T09:29:57 01:00"])(
  "refuses %s as a time",
  (text) => {
    expect(parseRfc3339(text)).toBeNull()
  },
)
