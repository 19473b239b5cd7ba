import fc from "fast-check"
import { expect, it } from "vitest"
import { JsonBytes } from "./json-bytes.ts"

const written = (write: (to: JsonBytes) => void, to = new JsonBytes()): string => {
  to.begin()
  write(to)
  return new TextDecoder().decode(to.take())
}

it.each([
  ...[
    0, -0, 1, 9, 10, 99, 100, 1_000, 123_456_789, 2_147_483.647, 2_147_483.648, 2_147_484, 4_294_967_296,
    1e21,
  ],
  ...[
    0.5,
    0.05,
    0.005,
    0.001,
    0.0001,
    0.1 + 0.2,
    1.005,
    99.999,
    99.9999,
    61.7,
    -1,
    -0.25,
    1e-7,
    Number.MAX_VALUE,
  ],
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -Number.MAX_VALUE, Number.MIN_VALUE],
])("writes %d as JSON.stringify does", (value) => {
  expect(written((to) => to.number(value))).toBe(JSON.stringify(value))
})

it("writes any number as JSON.stringify does", () => {
  const near = fc
    .tuple(fc.integer({ min: -10, max: 2 ** 31 }), fc.constantFrom(1, 10, 100, 1_000, 10_000))
    .map(([whole, parts]) => whole / parts)
  fc.assert(
    fc.property(fc.oneof(near, fc.double(), fc.integer(), fc.float()), (value) => {
      expect(written((to) => to.number(value))).toBe(JSON.stringify(value))
    }),
    { numRuns: 20_000 },
  )
})

it("takes as much as comes, in whatever pieces, and begins anew", () => {
  const to = new JsonBytes()
  const piece = fc.oneof(fc.string({ maxLength: 300_000, size: "max" }), fc.double())
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = written((out) => {
        for (const one of pieces)
          if (typeof one === "number") out.number(one)
          else out.text(one)
      }, to)
      expect(text).toBe(
        pieces.map((one) => (typeof one === "number" ? JSON.stringify(one) : one.toWellFormed())).join(""),
      )
    }),
    { numRuns: 30 },
  )
})

it("holds nothing of a text that was never taken", () => {
  const to = new JsonBytes()
  to.text("half of an answer")
  expect(written((out) => out.number(7), to)).toBe("7")
})
