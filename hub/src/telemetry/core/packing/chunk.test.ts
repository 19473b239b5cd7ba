import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { packChunk, unpackChunk } from "./chunk.ts"
import type { Json } from "./chunk.ts"
import { packColumn, unpackColumn, widthIn } from "./column.ts"
import type { Scalar } from "./column.ts"

const again = (docs: Json[]): Json[] => {
  const { head, body } = packChunk(docs)
  return unpackChunk({ head: JSON.parse(JSON.stringify(head)) as typeof head, body })
}
/** The order of documents is not kept. */
const sorted = (docs: Json[]): string[] => docs.map((doc) => JSON.stringify(doc)).sort()

it("gives back any documents, byte for byte", () => {
  const docs = fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 20 })
  fc.assert(
    fc.property(docs, (given) => {
      const clean = JSON.parse(JSON.stringify(given)) as Json[]
      expect(sorted(again(clean))).toEqual(sorted(clean))
    }),
    { numRuns: 300 },
  )
})

it("gives back those alone that are wanted, where they say so in their first number", () => {
  const docs = Array.from({ length: 100 }, (_, t) => ({ t, a: t % 3 === 0 ? null : [t] }))
  const wanted = { key: "t", keep: (t: number) => t >= 40 && t < 60 }
  expect(sorted(unpackChunk(packChunk(docs), wanted))).toEqual(sorted(docs.slice(40, 60)))
  expect(unpackChunk(packChunk(docs), { ...wanted, key: "a" })).toHaveLength(100)
})

const decimal = (scale: number) => fc.integer({ min: -1e9, max: 1e9 }).map((n) => n / 10 ** scale)
const values = fc.oneof(
  ...[0, 1, 2, 3, 6].map((scale) => fc.array(decimal(scale), { minLength: 1, maxLength: 40 })),
  fc.array(fc.option(decimal(2)), { minLength: 1, maxLength: 40 }),
  fc.array(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    { minLength: 1, maxLength: 40 },
  ),
  fc.array(fc.oneof(fc.string(), fc.boolean(), fc.constant(null), fc.integer()), {
    minLength: 1,
    maxLength: 40,
  }),
)

it("gives back any column in its order", () => {
  fc.assert(
    fc.property(values, (given: Scalar[]) => {
      const { column, bytes } = packColumn(given)
      expect(unpackColumn(column, { bytes, offset: 0, count: given.length })).toEqual(given)
    }),
    { numRuns: 500 },
  )
})

describe("bytes a value takes", () => {
  const many = (valueOf: (n: number) => Scalar) => Array.from({ length: 3_600 }, (_, n) => valueOf(n))
  it.each<[string, (n: number) => Scalar, number]>([
    ["times of every ten seconds", (n) => 1_764_158_400_000_000 + n * 10_000_000, 0],
    [
      "times of a second with some milliseconds more or less",
      (n) => 1_764_158_400_000_000 + n * 1_000_000 + (n % 7) * 1000,
      1,
    ],
    ["percents", (n) => (n * 37) % 101, 1],
    ["watts with two decimals", (n) => (10_000 + ((n * 7919) % 25_000)) / 100, 2],
    ["a reading that is null now and then", (n) => (n % 100 === 0 ? null : 1_000 + ((n * 7919) % 9_000)), 2],
    ["one of few texts", (n) => (n % 9 === 0 ? "P8" : "P2"), 1],
    ["nothing but null", () => null, 0],
  ])("%s", (_what, valueOf, width) => {
    expect(widthIn(packColumn(many(valueOf)).column)).toBe(width)
  })
})
