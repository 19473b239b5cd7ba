import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { addLost, addSeq, emptyLoss } from "./losses.ts"
import { BOOT, LATER_BOOT } from "./test/messages.ts"

describe("a loss", () => {
  it("counts messages by kind, with their time span and their numbers by life", () => {
    const loss = emptyLoss("no_room")
    addLost(loss, { kind: "perf", boot: BOOT, seq: 4, atMs: 400 })
    addLost(loss, { kind: "perf", boot: BOOT, seq: 5, atMs: 500 })
    addLost(loss, { kind: "note", boot: BOOT, seq: 7, atMs: 300 })
    addLost(loss, { kind: "perf", boot: LATER_BOOT, seq: 1, atMs: 900 })
    expect(loss).toEqual({
      ...{ reason: "no_room", count: 4, byKind: { perf: 3, note: 1 }, fromMs: 300, toMs: 900 },
      seqs: [
        {
          boot: BOOT,
          ranges: [
            [4, 5],
            [7, 7],
          ],
        },
        { boot: LATER_BOOT, ranges: [[1, 1]] },
      ],
    })
  })

  it("holds exactly the numbers it was given, in rising ranges that do not touch, in whatever order they came", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 })), (seqs) => {
        const loss = emptyLoss("no_room")
        for (const seq of seqs) addSeq(loss, BOOT, seq)
        const ranges = loss.seqs[0]?.ranges ?? []
        const held = ranges.flatMap(([from, to]) =>
          Array.from({ length: to - from + 1 }, (_, at) => from + at),
        )
        expect(held).toEqual([...new Set(seqs)].toSorted((a, b) => a - b))
        const gaps = ranges.slice(1).map(([from], index) => from - (ranges[index]?.[1] ?? 0))
        expect(gaps.filter((gap) => gap <= 1)).toEqual([])
      }),
    )
  })

  it("stays small: what is too much to list is widened, never left out", () => {
    const loss = emptyLoss("no_disk")
    for (let seq = 1; seq < 10_000; seq += 2) addSeq(loss, BOOT, seq)
    const ranges = loss.seqs[0]?.ranges ?? []
    expect(ranges.length).toBeLessThanOrEqual(500)
    for (let seq = 1; seq < 10_000; seq += 2)
      expect(ranges.some(([from, to]) => from <= seq && seq <= to)).toBe(true)
  })
})
