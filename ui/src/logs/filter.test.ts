import { LogFrame } from "@boocontrol/shared/frames"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { MAX_PANES, NO_LOG_FILTER, indexAt, queryOf, testOf, viewOf } from "./filter.ts"
import { patternOf, rangesOfPattern, rangesOfText } from "./found.ts"
import type { LogFilter } from "./filter.ts"
import { LEVELS, linesOf } from "./line.ts"

const line = (text: string, given: Record<string, unknown> = {}) => {
  const frame = { type: "control_log", provider_id: "box", source: "upstream", lines: [text], ...given }
  const [made] = linesOf(LogFrame.parse(frame), 0, Date.parse("2026-11-26T10:00:00Z"))
  if (!made) throw new Error("no line")
  return made
}

describe("a filter of lines", () => {
  const cases: [string, Partial<LogFilter>, boolean][] = [
    ["nothing", {}, true],
    ["its host", { hosts: ["attic", "box"] }, true],
    ["another host", { hosts: ["attic"] }, false],
    ["its source", { sources: ["upstream"] }, true],
    ["the other source", { sources: ["proxy"] }, false],
    ["its model", { models: ["qwen"] }, true],
    ["another model", { models: ["llama"] }, false],
    ["its level", { levels: ["warn", "error"] }, true],
    ["another level", { levels: ["info"] }, false],
    ["a text in any case", { text: "LOAD_model" }, true],
    ["a text that stands nowhere", { text: "unload" }, false],
    ["signs that mean something in an expression", { text: "(.*" }, false],
    ["an expression, which is not tried here", { text: "^never$", isRegex: true }, true],
  ]
  it.each(cases)("by %s", (_, filter, isShown) => {
    const one = line("0.03.123.456 E srv load_model: failed", { model: "qwen" })
    expect(testOf({ ...NO_LOG_FILTER, ...filter })(one)).toBe(isShown)
  })

  it("by model leaves out lines of nobody", () => {
    expect(testOf({ ...NO_LOG_FILTER, models: ["qwen"] })(line("x"))).toBe(false)
  })
})

describe("marks", () => {
  it.each([
    [
      "a.b a.b",
      "A.B",
      [
        [0, 3],
        [4, 7],
      ],
    ],
    ["abc", "", []],
    ["abc", "d", []],
  ])("in %j of the text %j stand at %j", (text, wanted, ranges) => {
    expect(rangesOfText(text, wanted)).toEqual(ranges)
  })
  it.each([
    [
      "id 12, id 7",
      String.raw`id \d+`,
      [
        [0, 5],
        [7, 11],
      ],
    ],
    [
      "abc",
      "x*",
      [
        [0, 0],
        [1, 1],
        [2, 2],
        [3, 3],
      ],
    ],
    ["abc", "d", null],
  ])("in %j of the expression %j stand at %j", (text, wanted, ranges) => {
    expect(rangesOfPattern(text, patternOf(wanted))).toEqual(ranges)
  })
})

describe("the address of a view", () => {
  const filters = fc.record({
    hosts: fc.uniqueArray(fc.constantFrom("box", "attic", "rack-01")),
    sources: fc.subarray(["proxy", "upstream"] as const),
    models: fc.array(fc.string({ minLength: 1, maxLength: 12 }), { maxLength: 3 }),
    levels: fc.subarray([...LEVELS]),
    text: fc.string({ maxLength: 30 }),
    isRegex: fc.boolean(),
  })
  const views = fc.record({
    panes: fc.array(filters, { minLength: 1, maxLength: MAX_PANES }),
    at: fc.option(fc.integer({ min: 0, max: 4e12 })),
  })
  it("gives the same view again", () => {
    fc.assert(
      fc.property(views, (view) => {
        const query = queryOf(view)
        // A pane that shows everything says nothing, and stands there all the same.
        const read = viewOf({ ...query, pane: query["pane"] ?? [] } as Parameters<typeof viewOf>[0])
        const said = view.panes.filter(
          (pane, index) => index === 0 || JSON.stringify(pane) !== JSON.stringify(NO_LOG_FILTER),
        )
        expect(read.at).toBe(view.at)
        expect(read.panes.slice(0, said.length)).toEqual(said)
      }),
    )
  })

  it("of nonsense shows everything", () => {
    expect(viewOf({ host: "NO SUCH!", source: "x", level: "loud", at: "yesterday", q: null })).toEqual({
      panes: [NO_LOG_FILTER],
      at: null,
    })
  })
})

describe("the place of a time", () => {
  const at = (second: number) => `2026-11-26T10:00:${String(second).padStart(2, "0")}.000Z`
  const lines = [
    line("h", { at: at(1), history: true }),
    ...[5, 10, 20].map((s) => line(`${s}`, { at: at(s) })),
  ]
  it.each([
    ["between two lines is the later one", 7, 2],
    ["of a line is that line", 10, 2],
    ["after the last is the last", 50, 3],
    ["before everything that has a time is nowhere", 3, null],
  ])("%s", (_, second, index) => {
    expect(indexAt(lines, Date.parse(at(second)))).toBe(index)
  })
  it("is nowhere where no line has a time", () => {
    expect(indexAt(lines.slice(0, 1), Date.parse(at(30)))).toBeNull()
  })
})
