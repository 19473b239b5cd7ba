import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { EngineCapture } from "./capture.ts"
import { jsonBytes, trimCapture } from "./trim.ts"

const body = (text: string, encoding: "text" | "base64" = "text") => ({
  ...{ text, encoding, bytes: Buffer.byteLength(text), cut: false },
})
const capture = (req: string | null, resp: string | null): EngineCapture => ({
  ...{ req_path: "/v1/chat/completions", req_headers: {}, resp_headers: {} },
  req_body: req === null ? null : body(req),
  resp_body: resp === null ? null : body(resp),
})
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value))
const KB = 1024

describe("the size of a text in JSON", () => {
  it("is what JSON makes of it", () => {
    const texts = fc
      .array(fc.constantFrom('"', "\\", "\n", "\u0001", "a", "ä", "漢", "😀"))
      .map((all) => all.join(""))
    fc.assert(
      fc.property(texts, (text) => {
        // A pair of surrogates is counted as two times three bytes, and takes four.
        const pairs = text.match(/😀/g)?.length ?? 0
        expect(jsonBytes(text) - 2 * pairs).toBe(Buffer.byteLength(JSON.stringify(text)) - 2)
      }),
    )
  })
})

describe("a capture that is too large", () => {
  it("keeps every message of its request, shortened, and stays JSON", () => {
    const messages = Array.from({ length: 20 }, (_, n) => ({
      role: "user",
      content: `${n} ${"x".repeat(40 * KB)} end ${n}`,
    }))
    const small = trimCapture(capture(JSON.stringify({ model: "m", messages }), "short"), 64 * KB)
    expect(small.req_body?.cut).toBe(true)
    expect(small.req_body?.bytes).toBeGreaterThan(800 * KB)
    const kept = JSON.parse(small.req_body?.text ?? "") as { messages: { content: string }[] }
    expect(kept.messages).toHaveLength(20)
    expect(kept.messages[7]?.content).toMatch(/^7 x+ … \[\d+ characters cut\] … x+ end 7$/)
    expect(small.resp_body).toEqual(body("short"))
  })

  it("keeps beginning and end of a stream", () => {
    const stream = `data: first\n\n${"data: more\n\n".repeat(20_000)}data: last\n\n`
    const small = trimCapture(capture("{}", stream), 64 * KB)
    expect(small.resp_body?.text.startsWith("data: first")).toBe(true)
    expect(small.resp_body?.text).toContain("… [cut] …")
    expect(small.resp_body?.text.endsWith("data: last\n\n")).toBe(true)
    expect(bytesOf(small)).toBeGreaterThan(40 * KB)
  })

  it("loses what is no text whole", () => {
    const large = { ...capture("{}", null), resp_body: body("A".repeat(100 * KB), "base64") }
    expect(trimCapture(large, 64 * KB).resp_body).toMatchObject({ text: "", cut: true, bytes: 100 * KB })
  })

  it("that fits is left alone", () => {
    const fits = capture("x".repeat(20 * KB), "y".repeat(20 * KB))
    expect(trimCapture(fits, 64 * KB)).toEqual(fits)
  })

  it("fits afterwards, whatever stands in it", () => {
    const pieces = ['"', "\\", "\n", "ä", "😀", "\u0001", "word ", '{"a":"b"}', "data: x\n\n"]
    const texts = fc
      .tuple(fc.constantFrom(...pieces), fc.constantFrom(...pieces), fc.integer({ min: 1, max: 40_000 }))
      .map(([first, second, times]) => (first + second).repeat(times).slice(0, 120_000))
    const repeated = fc.oneof(
      texts,
      texts.map((text) =>
        JSON.stringify({ messages: [{ content: text }, { content: text.slice(0, 9_000) }] }),
      ),
    )
    fc.assert(
      fc.property(repeated, repeated, fc.integer({ min: 32, max: 96 }), (asked, answered, kb) => {
        const small = trimCapture(capture(asked, answered), kb * KB)
        expect(bytesOf(small)).toBeLessThanOrEqual(kb * KB)
        expect(JSON.stringify(small).isWellFormed()).toBe(true)
      }),
      { numRuns: 20 },
    )
  })
})
