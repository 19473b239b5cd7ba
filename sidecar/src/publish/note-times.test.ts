import { describe, expect, it } from "vitest"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import { distinctTimes } from "./note-times.ts"

const NOON_MS = Date.parse("2026-11-22T12:00:00.000Z")

describe("the time of a note", () => {
  it.each<[string, string[], number[]]>([
    ["stays where no other of its kind has it", ["a0", "a5", "a6"], [0, 5, 6]],
    ["is later than that of one of its kind with the same", ["a0", "a0", "a0"], [0, 1, 2]],
    ["is not one that was moved into it", ["a0", "a0", "a0", "a1", "a3", "a4"], [0, 1, 2, 3, 4, 5]],
    ["may be that of another kind", ["a0", "b0", "a0", "b0"], [0, 0, 1, 1]],
    ["goes back with a clock that is set back", ["a9000", "a9000", "a10", "a10"], [9_000, 9_001, 10, 11]],
  ])("%s", (_, notes, times) => {
    const distinct = distinctTimes()
    const given = notes.map((text) =>
      distinct({ note: text.slice(0, 1), ts: instantOf(NOON_MS + Number(text.slice(1))), detail: {} }),
    )
    expect(given.map(({ ts }) => epochMsOf(ts) - NOON_MS)).toEqual(times)
  })

  it("is all that changes of it", () => {
    const distinct = distinctTimes()
    const note = { note: "gpu_lost", ts: instantOf(NOON_MS), detail: { index: 1 } }
    distinct(note)
    expect(distinct(note)).toEqual({ ...note, ts: instantOf(NOON_MS + 1) })
  })
})
