import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { aRow } from "../test/examples.ts"
import { mergeRows, splitKnown } from "./rows.ts"

const ids = (rows: readonly { swap_entry_id: number }[]) => rows.map((row) => row.swap_entry_id)

describe("merging rows", () => {
  it("puts new rows on top, newest first, whatever order they come in", () => {
    const rows = mergeRows([aRow(3), aRow(1)], [aRow(2), aRow(5), aRow(4)], 100)
    expect(ids(rows)).toEqual([5, 4, 3, 2, 1])
  })

  it("replaces a row seen before where it stands", () => {
    const rows = mergeRows([aRow(2), aRow(1)], [aRow(1, { source: "boocoder" })], 100)
    expect(rows.map((row) => row.source)).toEqual(["boochat", "boocoder"])
  })

  it("lets the oldest fall off", () => {
    expect(ids(mergeRows([aRow(2), aRow(1)], [aRow(3)], 2))).toEqual([3, 2])
  })

  it("gives the same list however the same rows are split and ordered", () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 500 }), { maxLength: 40 })
    fc.assert(
      fc.property(numbers, fc.integer({ min: 0, max: 40 }), (order, cut) => {
        const rows = order.map((n) => aRow(n))
        const merged = mergeRows(
          mergeRows([], rows.slice(0, cut), 1000),
          rows.slice(Math.max(0, cut - 5)),
          1000,
        )
        expect(ids(merged)).toEqual([...order].sort((a, b) => b - a))
      }),
    )
  })
})

describe("splitting rows", () => {
  it("tells those a list holds from those it does not", () => {
    const { known, fresh } = splitKnown([aRow(1)], [aRow(1), aRow(2)])
    expect([ids(known), ids(fresh)]).toEqual([[1], [2]])
  })
})
