import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { plainText } from "./line.ts"
import { spansOf } from "./spans.ts"

describe("a line on screen", () => {
  it("has the theme's colours where the terminal has names, and the program's own elsewhere", () => {
    const spans = spansOf("\u001B[1;31mred\u001B[0m plain \u001B[38;5;208mo\u001B[38;2;1;2;3mt\u001B[0m", [])
    expect(spans.map(({ text, classes, style }) => [text, classes, style])).toEqual([
      ["red", ["ansi-red", "bold"], null],
      [" plain ", [], null],
      ["o", [], { color: "rgb(255, 135, 0)" }],
      ["t", [], { color: "rgb(1, 2, 3)" }],
    ])
  })

  it("is marked across colours", () => {
    const spans = spansOf("a\u001B[32mbc\u001B[0md", [[0, 2]])
    expect(spans.map(({ text, isMarked }) => [text, isMarked])).toEqual([
      ["a", true],
      ["b", true],
      ["c", false],
      ["d", false],
    ])
  })

  it("shows all that can be read of it and nothing else, whatever is marked", () => {
    const parts = fc.array(
      fc.constantFrom("a", "b ", "\u001B[31m", "\u001B[0m", "\u001B[1m", "<b>", "\u001B["),
    )
    fc.assert(
      fc.property(parts, fc.nat(10), fc.nat(10), (some, start, length) => {
        const raw = some.join("")
        const shown = spansOf(raw, [[start, start + length]])
          .map(({ text }) => text)
          .join("")
        expect(shown).not.toContain("\u001B")
        expect(raw.includes("\u001B") || shown === plainText(raw)).toBe(true)
      }),
    )
  })
})
