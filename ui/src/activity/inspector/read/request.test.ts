import { describe, expect, it } from "vitest"
import { pictureOf } from "./conversation.ts"
import { readRequest } from "./request.ts"

const PIXEL = "data:image/png;base64,iVBORw0KGgo="
const read = (body: object) => readRequest(JSON.stringify(body))

describe("a request as messages", () => {
  it("of a chat, with pictures, tools and what else was asked for", () => {
    const asked = read({
      ...{ model: "qwen", temperature: 0.2, stream: true },
      tools: [{ type: "function", function: { name: "read", description: "Reads a card" } }],
      messages: [
        { role: "system", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "text", text: "What is it?" },
            { type: "image_url", image_url: { url: PIXEL } },
          ],
        },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "t", function: { name: "read", arguments: '{"n":1}' } }],
        },
        { role: "tool", tool_call_id: "t", content: "42" },
      ],
    })
    expect(asked.messages.map(({ role, text }) => [role, text])).toEqual([
      ["system", "Be brief."],
      ["user", "What is it?"],
      ["assistant", ""],
      ["tool", "42"],
    ])
    expect(asked.messages[1]?.pictures[0]?.data).toBe(PIXEL)
    expect(asked.messages[2]?.calls).toEqual([{ id: "t", name: "read", args: '{"n":1}' }])
    expect(asked.messages[3]?.answers).toBe("t")
    expect(asked.tools).toEqual([{ name: "read", description: "Reads a card" }])
    expect(asked.settings).toEqual([
      ["model", "qwen"],
      ["temperature", "0.2"],
      ["stream", "true"],
    ])
  })

  it("of Anthropic's API", () => {
    const asked = read({
      system: [{ type: "text", text: "Be brief." }],
      messages: [
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm" },
            { type: "tool_use", id: "t", name: "read", input: { n: 1 } },
          ],
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "42" }] },
      ],
    })
    expect(asked.messages).toMatchObject([
      { role: "system", text: "Be brief." },
      { role: "assistant", reasoning: "hm", calls: [{ id: "t", name: "read" }] },
      { role: "user", text: "42", answers: "t" },
    ])
  })

  it("of the responses API", () => {
    const asked = read({
      instructions: "Be brief.",
      input: [
        { role: "user", content: [{ type: "input_text", text: "What?" }] },
        { type: "function_call", call_id: "t", name: "read", arguments: "{}" },
        { type: "function_call_output", call_id: "t", output: "42" },
      ],
    })
    expect(asked.messages).toMatchObject([
      { role: "system", text: "Be brief." },
      { role: "user", text: "What?" },
      { role: "assistant", calls: [{ id: "t", name: "read", args: "{}" }] },
      { role: "tool", text: "42", answers: "t" },
    ])
  })

  it.each([
    ["a completion", { prompt: "Once" }, [["prompt", "Once"]]],
    [
      "vectors",
      { input: ["a", "b"] },
      [
        ["input", "a"],
        ["input", "b"],
      ],
    ],
    [
      "a ranking",
      { query: "q", documents: ["d1", "d2"] },
      [
        ["query", "q"],
        ["document", "d1"],
        ["document", "d2"],
      ],
    ],
  ])("of %s", (_, body, messages) => {
    expect(read(body).messages.map(({ role, text }) => [role, text])).toEqual(messages)
  })

  it.each(["", "{", "[]", "null", '"text"'])("of %j is none", (body) => {
    expect(readRequest(body)).toEqual({ messages: [], tools: [], settings: [], isRead: false })
  })

  it("shows a part of a kind that nobody knows as it is", () => {
    const asked = read({ messages: [{ role: "user", content: [{ type: "smell", value: 7 }] }] })
    expect(asked.messages[0]?.text).toContain('"smell"')
  })
})

describe("a picture", () => {
  it.each([
    ["of its own", PIXEL, true],
    ["that was cut", "data:image/png;base64,iVBO … [9 characters cut] … Ggo=", false],
    ["of another address, which is never fetched", "https://example.org/a.png", false],
    ["that is a script", "data:image/svg+xml;base64,PHN2Zz4=", false],
    ["that is nothing", "", false],
  ])("%s", (_, address, isShown) => {
    expect(pictureOf(address).data !== null).toBe(isShown)
  })
})
