import { LogFrame } from "@boocontrol/shared/frames"
import { describe, expect, it } from "vitest"
import { linesOf } from "../../logs/line.ts"
import { linesWithin } from "./log-lines.ts"

const at = (second: number) => Date.parse(`2026-11-26T10:00:${String(second).padStart(2, "0")}.000Z`)
let counted = 0
const line = (second: number, given: Record<string, unknown> = {}) =>
  linesOf(
    LogFrame.parse({
      ...{ type: "control_log", provider_id: "box", source: "proxy", lines: [`at ${second}`] },
      ...{ at: new Date(at(second)).toISOString(), ...given },
    }),
    counted++,
    0,
  )
const within = (lines: ReturnType<typeof line>, from = 20, to = 30) => {
  const found = linesWithin(lines, { host: "box", fromMs: at(from), toMs: at(to) })
  return { texts: found.lines.map(({ text }) => text), note: found.note }
}

describe("the lines of a request's seconds", () => {
  it("are those of its host within its time", () => {
    const lines = [10, 20, 25, 30, 40].flatMap((second) => line(second))
    const other = line(25, { provider_id: "attic" })
    expect(within([...lines, ...other])).toEqual({
      texts: ["at 20", "at 25", "at 30"],
      note: "Lines of these seconds, of whichever request.",
    })
  })
  it.each([
    ["nothing is kept", [], "No line of this host is kept."],
    ["only a history without times is kept", line(25, { history: true }), "No line of this host is kept."],
    ["the tail begins later", line(50), "Not kept"],
    ["nothing was written", [...line(1), ...line(55)], "Nothing was written"],
  ])("say so where %s", (_, lines, note) => {
    expect(within(lines).note).toContain(note)
    expect(within(lines).texts).toEqual([])
  })
  it("say so where their beginning is not kept", () => {
    expect(within([...line(25), ...line(29)]).note).toContain("Its beginning is not kept.")
  })
})
