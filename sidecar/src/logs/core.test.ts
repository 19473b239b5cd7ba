import { MAX_LOG_LINE_CHARS, TRUNCATION_MARK } from "@boocontrol/shared/logs"
import type { LogData } from "@boocontrol/shared/logs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import { addChunk, EMPTY_LINES, HELD_CHARS, tailOf, unseenPart } from "./core.ts"
import { createLogRelay } from "./index.ts"

function linesOf(chunks: readonly string[]): string[] {
  let buffer = EMPTY_LINES
  return chunks.flatMap((chunk) => {
    const step = addChunk(buffer, chunk)
    buffer = step.buffer
    return step.lines
  })
}

describe("lines of a log", () => {
  it.each([
    [["a\nb\n"], ["a", "b"]],
    [["a", "b\nc"], ["ab"]],
    [["\r\n\n"], ["", ""]],
    [["\u001B[31mred\u001B[0m\n"], ["\u001B[31mred\u001B[0m"]],
    [["no end"], []],
  ])("of %j are %j", (chunks, expected) => {
    expect(linesOf(chunks)).toEqual(expected)
  })

  it("are the same however the chunks are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 5 })), (words) => {
        const text = words.join("\n")
        expect(linesOf(text.split(""))).toEqual(linesOf([text]))
      }),
    )
  })

  it("that are too long are cut and marked, and never held whole", () => {
    const chunk = "x".repeat(100_000)
    let buffer = EMPTY_LINES
    for (let count = 0; count < 100; count++) {
      buffer = addChunk(buffer, chunk).buffer
      expect(buffer.partial.length).toBeLessThanOrEqual(MAX_LOG_LINE_CHARS + 1)
    }
    const { lines } = addChunk(buffer, "end\nnext\n")
    expect(lines.map(({ length }) => length)).toEqual([MAX_LOG_LINE_CHARS, 4])
    expect(lines[0]?.endsWith(TRUNCATION_MARK)).toBe(true)
  })

  it("that are just as long as allowed are left alone", () => {
    const line = "y".repeat(MAX_LOG_LINE_CHARS)
    expect(linesOf([`${line}\n`])).toEqual([line])
  })
})

describe("what of a history is new", () => {
  it.each([
    ["everything, when nothing was seen", "", "a\nb\n", "a\nb\n"],
    ["what follows the end of what was seen", "b\n", "a\nb\nc\n", "c\n"],
    ["nothing, when nothing was written", "a\nb\n", "a\nb\n", ""],
    ["everything, after a restart", "old\n", "new\n", "new\n"],
    ["what follows the last place where the end stands", "b\n", "b\na\nb\nc\n", "c\n"],
  ])("%s", (_, tail, history, expected) => {
    expect(unseenPart(tail, history)).toBe(expected)
  })

  it("is found by the last characters, however they came", () => {
    const chunks = Array.from({ length: 500 }, (_, index) => `line ${index}\n`)
    const tail = chunks.reduce(tailOf, "")
    expect(unseenPart(tail, `${chunks.slice(200).join("")}line 500\n`)).toBe("line 500\n")
  })
})

describe("relaying a log", () => {
  function relay(keep = (_: string, line: string) => !line.includes("own")) {
    const clock = manualClock()
    const sent: LogData[] = []
    const seen: string[] = []
    const made = createLogRelay({
      clock,
      keep,
      clean: (line) => line.replaceAll("secret", "***"),
      emit: (data) => sent.push(data),
      onLine: (_, line) => seen.push(line),
    })
    made.connected()
    made.labelled(false)
    return { clock, sent, seen, made }
  }

  it("sends one batch per source every 100 ms", async () => {
    const { clock, sent, made } = relay()
    made.chunk("proxy", "history\n")
    made.chunk("proxy", "a\nb\n")
    made.chunk("upstream", "c\n")
    await clock.advance(99)
    expect(sent).toEqual([])
    await clock.advance(1)
    expect(sent).toEqual([
      { source: "proxy", lines: ["history"], history: true },
      { source: "upstream", lines: ["c"], history: true },
    ])
    await clock.advance(100)
    expect(sent.slice(2)).toEqual([{ source: "proxy", lines: ["a", "b"] }])
  })

  it("does not send a history again on reconnect, nor the lines of our own reading", async () => {
    const { clock, sent, made } = relay()
    made.chunk("proxy", "one\nown\n")
    await clock.advance(100)
    made.connected()
    made.labelled(false)
    made.chunk("proxy", "one\nown\ntwo\n")
    await clock.advance(100)
    expect(sent.flatMap(({ lines }) => lines)).toEqual(["one", "two"])
  })

  it("puts a line together that was cut by a reconnect", async () => {
    const { clock, sent, made } = relay()
    made.chunk("proxy", "")
    made.chunk("proxy", "hal")
    made.connected()
    made.chunk("proxy", "hallo\n")
    await clock.advance(100)
    expect(sent.flatMap(({ lines }) => lines)).toEqual(["hallo"])
  })

  it("takes out of each line what must not travel", async () => {
    const { clock, sent, made } = relay()
    made.chunk("upstream", "key sec")
    made.chunk("upstream", "ret\n")
    await clock.advance(100)
    expect(sent[0]?.lines).toEqual(["key ***"])
  })

  it("lets the mixed log go where each model has its own", async () => {
    const { clock, sent, made } = relay()
    made.connected()
    made.chunk("upstream", "from somebody\n")
    made.labelled(true)
    made.modelHistory("m", "from somebody\n")
    made.chunk("upstream", "and more\n")
    made.modelChunk("m", "and more\n")
    await clock.advance(1_000)
    expect(sent).toEqual([
      { source: "upstream", model: "m", lines: ["from somebody"], history: true },
      { source: "upstream", model: "m", lines: ["and more"] },
    ])
  })

  it("keeps the mixed log until it knows, and then sends it where models have none", async () => {
    const { clock, sent, made } = relay()
    made.connected()
    made.chunk("upstream", "history\n")
    made.chunk("upstream", "x".repeat(HELD_CHARS))
    made.chunk("upstream", "\nlast\n")
    await clock.advance(1_000)
    expect(sent).toEqual([])
    made.labelled(false)
    await clock.advance(1_000)
    const lines = sent.flatMap((data) => data.lines)
    expect(lines.at(-1)).toBe("last")
    expect(lines.join("").length).toBeLessThan(HELD_CHARS)
  })

  it("does not send a model's history again when its stream is opened again", async () => {
    const { clock, sent, made } = relay()
    made.labelled(true)
    made.modelHistory("m", "one\n")
    made.modelChunk("m", "two\n")
    made.modelHistory("m", "one\ntwo\nthree\n")
    await clock.advance(1_000)
    expect(sent.flatMap(({ lines }) => lines)).toEqual(["one", "two", "three"])
  })

  it("looks for events only in lines that are written now", () => {
    const { seen, made } = relay()
    made.chunk("proxy", "old\n")
    made.chunk("proxy", "new own\n")
    expect(seen).toEqual(["new own"])
  })

  it("stays small under a flood, and says how many lines it lost", async () => {
    const { clock, sent, made } = relay()
    const chunk = `${"z".repeat(1_000)}\n`.repeat(100)
    for (let count = 0; count < 100; count++) made.chunk("upstream", chunk)
    await clock.advance(10_000)
    const lines = sent.reduce((sum, data) => sum + data.lines.length, 0)
    const dropped = sent.reduce((sum, data) => sum + (data.dropped ?? 0), 0)
    expect(lines + dropped).toBe(10_000)
    expect(lines).toBeLessThan(1_100)
    expect(Math.max(...sent.map(({ lines: batch }) => batch.join("").length))).toBeLessThan(200_000)
  })
})
