import { LogFrame } from "@boocontrol/shared/frames"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isBefore, levelOf, linesOf, mergeLines, plainText } from "./line.ts"

describe("the level of a line", () => {
  it.each([
    ['[INFO] Request 10.0.0.5 "POST /v1/chat/completions HTTP/1.1" 200 5120 "curl/8" 1.93s', "info"],
    ["2026-08-22 09:29:57 [WARN] group: starting qwen failed: exited", "warn"],
    ["[ERROR] no such thing", "error"],
    ["0.03.123.456 I srv  llama_server: model loaded", "info"],
    ["0.03.123.456 W srv  llama_server: security: no API key is set", "warn"],
    ["0.03.123.456 E srv  load_model: failed to load model", "error"],
    ["CUDA error: an illegal memory access was encountered", "error"],
    ["error: unknown argument", "error"],
    ["2026/11/26 17:21:51 simple-responder listening on 127.0.0.1:5800", "other"],
    ["slot update_slots: id 0 | task 12 | prompt done", "other"],
    ["information is not a level", "other"],
    ["", "other"],
  ])("%s is %s", (line, level) => {
    expect(levelOf(line)).toBe(level)
  })
})

describe("what can be read of a line", () => {
  it.each([
    ["\u001B[31mred\u001B[0m and \u001B[1;38;5;208mmore", "red and more"],
    ["\u001B]0;a title\u0007shown", "shown"],
    ["\u001B[2K\rprogress", "progress"],
    ["tab\tstays", "tab\tstays"],
  ])("of %j is %j", (raw, text) => {
    expect(plainText(raw)).toBe(text)
  })

  it("takes no longer for the worst than for any other", () => {
    const worst = ["\u001B[" + "0;".repeat(8_000), "\u001B]".repeat(8_000), "\u001B[ ".repeat(8_000)]
    for (const line of worst) {
      const start = performance.now()
      plainText(line)
      levelOf(line)
      expect(performance.now() - start).toBeLessThan(1_500)
    }
  })
})

const frame = (given: { host?: string; at: string; lines: string[]; history?: boolean; dropped?: number }) =>
  LogFrame.parse({
    ...{ type: "control_log", provider_id: given.host ?? "box", source: "proxy" },
    ...{ at: `2026-11-26T10:00:${given.at}Z`, lines: given.lines },
    ...(given.history ? { history: true } : {}),
    ...(given.dropped === undefined ? {} : { dropped: given.dropped }),
  })
const texts = (lines: readonly { text: string }[]) => lines.map(({ text }) => text)

describe("lines of several hosts", () => {
  it("stand in the order of their times, whenever they came", () => {
    const first = linesOf(frame({ at: "05.000", lines: ["c", "d"] }), 0, 0)
    const late = linesOf(frame({ host: "attic", at: "01.000", lines: ["a", "b"] }), 2, 0)
    const merged = mergeLines(first, late, 100)
    expect(texts(merged.lines)).toEqual(["a", "b", "c", "d"])
    expect(merged.keptUntil).toBeNull()
  })

  it("say what of them stood there before, so that nobody looks at all of them again", () => {
    const first = linesOf(frame({ at: "05.000", lines: ["a", "b"] }), 0, 0)
    const next = linesOf(frame({ at: "05.100", lines: ["c"] }), 2, 0)
    expect(mergeLines(first, next, 100)).toMatchObject({ keptUntil: 2, fallen: 0 })
    const short = mergeLines(first, next, 2)
    expect(texts(short.lines)).toEqual(["b", "c"])
    expect(short).toMatchObject({ keptUntil: 1, fallen: 1 })
  })

  it("are sorted and bounded however they come", () => {
    const batches = fc.array(fc.record({ s: fc.integer({ min: 10, max: 59 }), count: fc.nat(4) }))
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 20 }), (given, most) => {
        let lines: ReturnType<typeof linesOf> = []
        let counted = 0
        for (const { s, count } of given) {
          const added = linesOf(
            frame({ at: `${s}.000`, lines: Array.from({ length: count }, () => "x") }),
            counted,
            0,
          )
          counted += count
          const merged = mergeLines(lines, added, most)
          const kept = merged.keptUntil ?? 0
          expect(merged.lines.slice(0, kept)).toEqual(lines.slice(merged.fallen).slice(0, kept))
          lines = [...merged.lines]
        }
        expect(lines.length).toBe(Math.min(most, counted))
        for (const [index, line] of lines.slice(1).entries())
          expect(isBefore(line, lines[index] ?? line)).toBe(false)
      }),
    )
  })
})
