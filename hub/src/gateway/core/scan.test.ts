import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { MAX_DEPTH, scanBody, withModel } from "./scan.ts"
import { disagreement, parsedModel } from "./scan-cases.ts"

const bytes = (text: string): Buffer => Buffer.from(text)
const modelOf = (text: string): unknown => {
  const scanned = scanBody(bytes(text))
  return typeof scanned === "string" ? scanned : scanned.model
}

describe("what is found in a body", () => {
  it.each([
    [`{"model":"a"}`, "a"],
    [` {\n "messages" : [ {"role":"user","content":"say \\"model\\": \\"b\\""} ] , "model" : "a" } `, "a"],
    [`{"tools":[{"model":"x"}],"metadata":{"model":"y"},"model":"z"}`, "z"],
    [`{"model":"first","model":"last"}`, "last"],
    [`{"mod\\u0065l":"a"}`, "a"],
    [`{"model":"qwen\\/a"}`, "qwen/a"],
    [`{"model":"käse 🧀"}`, "käse 🧀"],
    [`{"model":null}`, null],
    [`{"model":"a","model":7}`, null],
    [`{"x":"\\\\","model":"a"}`, "a"],
    [`{"x":"${"\\\\".repeat(40)}","model":"a"}`, "a"],
    [`{"x":"${"y".repeat(22)}\\"${"y".repeat(40)}","model":"a"}`, "a"],
    [`{}`, null],
    [`[]`, "odd"],
    [`"model"`, "odd"],
    [``, null],
    [` \n`, null],
    [`{"model":"a"} x`, "odd"],
    [`{model:"a"}`, "odd"],
    [`{"model" "a"}`, "odd"],
    [`{"model":"a\u0001"}`, "odd"],
  ])("%s says %j", (text, model) => {
    expect(modelOf(text)).toBe(model)
  })

  it("tells streams, limits, tools and where the prompt begins", () => {
    const text = `{"max_tokens":12,"stream":true,"tools":[{}],"messages":[],"model":"a","max_completion_tokens": 40 }`
    expect(scanBody(bytes(text))).toMatchObject({
      ...{ stream: true, maxTokens: 40, hasTools: true, promptAt: text.indexOf("[]") },
    })
    expect(scanBody(bytes(`{"tools":[ ],"stream":false,"max_tokens":"x"}`))).toMatchObject({
      ...{ stream: false, maxTokens: null, hasTools: false, promptAt: null },
    })
  })

  it("says what it found where the body is cut anywhere, and never another model", () => {
    const text = `{"model":"a","messages":[{"role":"user","content":"hi \\"there\\" you"}],"stream":true}`
    for (let length = 0; length < text.length; length++) {
      const scanned = scanBody(bytes(text.slice(0, length)))
      const found = typeof scanned === "string" ? scanned : [scanned.complete, scanned.model]
      expect(found).toEqual([false, length > 11 ? "a" : null])
    }
  })

  it("refuses what is nested too deep without walking into it", () => {
    const nested = (depth: number) => bytes(`{"x":${"[".repeat(depth)}${"]".repeat(depth)},"model":"a"}`)
    expect(scanBody(nested(MAX_DEPTH))).toMatchObject({ model: "a" })
    expect(scanBody(nested(MAX_DEPTH + 1))).toBe("deep")
    expect(scanBody(bytes(`{"x":${'{"a":'.repeat(1_000_000)}`))).toBe("deep")
  })
})

const keys = fc.constantFrom("model", "stream", "messages", "mod\\u0065l", "m\\u006fdel", "tools", "a", "")
const spaces = fc.constantFrom("", " ", "\n", "\t \r\n")
const value = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
  fc
    .array(fc.constantFrom('"', "\\", "ab", "x".repeat(30), "\n", "ä"), { maxLength: 60 })
    .map((parts) => JSON.stringify(parts.join(""))),
  fc.constantFrom('"\\\\"', '"\\\\\\""', "true", "false", "null", "-1.5e+3", '"\\ud83e\\uddc0"', '"model"'),
)
const members = fc.array(fc.tuple(keys, spaces, value, spaces), { maxLength: 6 })
const objects = members.map(
  (list) =>
    `{${list.map(([key, gap, json, after]) => `${gap}"${key}"${gap}:${after}${json}${after}`).join(",")}}`,
)

describe("beside JSON.parse", () => {
  it("names the same model in every object", () => {
    fc.assert(
      fc.property(objects, (text) => {
        expect(parsedModel(bytes(text))).not.toBeNull()
        expect(disagreement(bytes(text))).toBeNull()
      }),
      { numRuns: 3000 },
    )
  })

  it("survives any bytes, and agrees where they are JSON", () => {
    const broken = fc.tuple(objects, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([text, at, byte]) => {
      const body = bytes(text)
      body[at % body.length] = byte
      return body
    })
    fc.assert(
      fc.property(broken, (body) => {
        expect(disagreement(body)).toBeNull()
      }),
      { numRuns: 3000 },
    )
  })

  it("puts another model in its place and leaves every other byte as it is", () => {
    fc.assert(
      fc.property(objects, fc.string(), (text, model) => {
        const body = bytes(text)
        const scanned = scanBody(body)
        if (typeof scanned === "string" || scanned.model === null) return
        const renamed = withModel(body, scanned, model) ?? body
        expect(JSON.parse(renamed.toString())).toEqual({ ...JSON.parse(text), model })
        const first = scanned.modelSpans[0]
        expect(renamed.subarray(0, first?.from)).toEqual(body.subarray(0, first?.from))
      }),
    )
  })

  it("leaves no second opinion where a body names two models", () => {
    const body = bytes(`{"model":"allowed","x":1,"model":"other"}`)
    const scanned = scanBody(body)
    if (typeof scanned === "string") throw new Error(scanned)
    expect(withModel(body, scanned, "other")?.toString()).toBe(`{"model":"other","x":1,"model":"other"}`)
  })
})
