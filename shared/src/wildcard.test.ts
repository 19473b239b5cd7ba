import fc from "fast-check"
import { expect, it } from "vitest"
import { fitsWildcard } from "./wildcard.ts"

it("says what an expression with .* in place of each star says", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 12 })
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*"), maxLength: 6 })
  fc.assert(
    fc.property(pattern, text, (given, value) => {
      const expression = new RegExp(`^${given.replaceAll(".", "\\.").replaceAll(/\*+/g, ".*")}$`, "s")
      expect(fitsWildcard(given, value)).toBe(expression.test(value))
    }),
    { numRuns: 2_000 },
  )
})

it("is done with a long text that almost fits many stars", () => {
  const almost = "a".repeat(16_000)
  expect(fitsWildcard(`${"*a".repeat(20)}*b`, almost)).toBe(false)
  expect(fitsWildcard(`${"*a".repeat(20)}*b*`, almost)).toBe(false)
  expect(fitsWildcard(`${"*a".repeat(20)}*b`, `${almost}b`)).toBe(true)
})
