import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { endingOf, errorEvent, messageOf, open } from "./sse.ts"
import type { Opener } from "./sse.ts"
import { usageOf } from "./usage.ts"

const loading = (text: string) => `data: {"choices":[{"delta":{"reasoning_content":"${text}"}}]}\n\n`
const real = `data: {"choices":[{"delta":{"content":"hi"}}],"id":"x","object":"chat.completion.chunk"}\n\n`

/** As bytes come, in pieces of any size. */
function feed(text: string, cuts: readonly number[] = []): { passed: string; last: Opener } {
  const bytes = Buffer.from(text)
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  let held: Buffer = Buffer.alloc(0)
  let passed = ""
  let last: Opener = { passable: held, opening: { kind: "waiting" }, rest: held }
  for (const [from, to] of [0, ...at].map((from, index) => [from, at[index] ?? bytes.length] as const)) {
    if (from === to) continue
    last = open(held, bytes.subarray(from, to))
    passed += last.passable.toString()
    held = last.rest
    if (last.opening.kind !== "waiting") break
  }
  return { passed, last }
}

describe("the opening of a stream", () => {
  it.each([
    ["loading", loading("llama-swap loading model: x") + loading("."), "waiting"],
    ["comments", ": ping\n\n:\n\n", "waiting"],
    ["loading, then the answer", loading(".") + real, "answer"],
    ["the answer", real, "answer"],
    ["reasoning of a model", real.replace('"content"', '"reasoning_content"'), "answer"],
    ["reasoning whose event begins as loading does", `${loading("x").slice(0, -3)},"id":"x"}\n\n`, "answer"],
    ["an Anthropic answer", `event: message_start\ndata: {"type":"message_start"}\n\n`, "answer"],
    ["an Anthropic ping", `event: ping\ndata: {"type":"ping"}\n\n`, "waiting"],
    ["a raw error after loading", `${loading(".")}{"src":"llama-swap","error":"failed to start"}`, "error"],
    ["half a raw error after loading", `${loading(".")}{"src":"llama-swap","err`, "waiting"],
    ["an error event", `data: {"error":{"message":"out of memory"}}\n\n`, "error"],
    ["an Anthropic error", `event: error\ndata: {"type":"error","error":{"message":"m"}}\n\n`, "error"],
    ["lines that end as on Windows", real.replaceAll("\n", "\r\n"), "answer"],
    ["something long without an end", `data: ${"x".repeat(70_000)}`, "answer"],
  ])("%s: %#", (_name, text, kind) => {
    expect(feed(text).last.opening.kind).toBe(kind)
  })

  it("is judged alike however the bytes are cut, and loses none of them", () => {
    const text = `: hello\n\n${loading("rule")}${loading("käse 🧀")}${real}`
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
        const { passed, last } = feed(text, cuts)
        expect(last.opening.kind).toBe("answer")
        expect(text.startsWith(passed + last.rest.toString().slice(0, 4))).toBe(true)
        expect(passed.includes('content":"hi')).toBe(false)
      }),
    )
  })

  it.each([
    [`{"src":"llama-swap","error":"failed"}`, "failed"],
    [`{"src":"llama-swap","error":{"message":"failed","code":"x"}}`, "failed"],
    [`{"error":{"code":503,"message":"Loading model"}}`, "Loading model"],
    [`upstream gone`, "upstream gone"],
  ])("reads %s as %j", (body, message) => {
    expect(messageOf(body)).toBe(message)
  })
})

describe("the end of a stream", () => {
  it.each([
    ["chat", `data: {"x":1}\n\ndata: [DONE]\n\n`, "whole"],
    ["chat", `data: {"x":1}\n\n`, "cut"],
    ["chat", `data: {"x":`, "cut"],
    ["chat", `data: {"x":1}\n\ndata: {"error":{"message":"m"}}\n\n`, "told"],
    ["messages", `event: message_stop\ndata: {"type":"message_stop"}\n\n`, "whole"],
    ["messages", `event: message_delta\ndata: {}\n\n`, "cut"],
    ["messages", `event: error\ndata: {"type":"error","error":{}}\n\n`, "told"],
    ["responses", `event: response.completed\ndata: {"type":"response.completed"}\n\n`, "whole"],
    ["responses", `event: response.output_text.delta\ndata: {}\n\n`, "cut"],
    ["infill", `data: {"content":"","stop":true}\n\n`, "whole"],
    ["completion", `data: {"content":"","stop":true,"timings":{}}\n\n`, "whole"],
    ["completion", `data: {"choices":[]}\n\ndata: [DONE]\n\n`, "whole"],
    ["completion", `data: {"content":"a","stop":false}\n\n`, "cut"],
    ["chat", `data: {"content":"ends with data: [DONE]"}\n\n`, "cut"],
    ["messages", `data: {"text":"then \\"type\\":\\"message_stop\\""}\n\n`, "cut"],
    ["messages", `data: {"text":"event: message_stop"}\n\n`, "cut"],
    ["responses", `data: {"delta":"response.completed"}\n\n`, "cut"],
    ["speech", `data: whatever\n\n`, "whole"],
  ] as const)("of %s, %j, is %s", (kind, tail, ending) => {
    expect(endingOf(kind, tail)).toBe(ending)
  })

  it("that broke is told in the words of its API", () => {
    const problem = { message: "box went away", code: "upstream_lost", reason: "unhealthy" }
    expect(errorEvent("chat", problem)).toBe(
      `\n\ndata: {"error":{"message":"box went away","type":"server_error","param":null,"code":"upstream_lost","reason":"unhealthy"}}\n\n`,
    )
    expect(errorEvent("messages", problem)).toContain(
      'event: error\ndata: {"type":"error","error":{"type":"api_error"',
    )
    expect(errorEvent("responses", problem)).toContain(
      'event: error\ndata: {"type":"error","code":"upstream_lost"',
    )
    for (const kind of ["chat", "messages", "responses"] as const)
      expect(endingOf(kind, `data: {"half":${errorEvent(kind, problem)}`)).toBe("told")
  })
})

describe("tokens in the tail of an answer", () => {
  it.each([
    [
      `"usage":{"completion_tokens":7,"prompt_tokens":30,"prompt_tokens_details":{"cached_tokens":20}}}`,
      { promptTokens: 30, cacheTokens: 20, outputTokens: 7 },
    ],
    [
      `"timings":{"cache_n":236,"prompt_n":1,"prompt_ms":30.9,"predicted_n":35,"predicted_ms":661.0}}`,
      { promptTokens: 237, cacheTokens: 236, outputTokens: 35, promptMs: 30.9, predictedMs: 661 },
    ],
    [
      `{"usage":{"input_tokens":10,"cache_read_input_tokens":90,"output_tokens":5}}`,
      { promptTokens: 100, cacheTokens: 90, outputTokens: 5 },
    ],
    [
      `"usage":{"prompt_tokens":1,"completion_tokens":2}} data: {"usage":null} `,
      { promptTokens: 1, outputTokens: 2 },
    ],
    [`tokens":3}, "usage": {"prompt_tokens":4,"completion_tokens":1}, "x"`, { promptTokens: 4 }],
  ])("%s", (tail, usage) => {
    expect(usageOf(tail)).toMatchObject(usage)
  })

  it("are unknown where nothing says them", () => {
    for (const tail of ["", `data: [DONE]`, `"usage":{"prompt`]) expect(usageOf(tail)).toBeNull()
  })
})
