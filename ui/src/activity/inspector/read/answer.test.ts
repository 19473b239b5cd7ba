import { describe, expect, it } from "vitest"
import { readAnswer } from "./answer.ts"
import { readSse } from "./sse.ts"

const sse = (...events: (object | string)[]) =>
  events.map((event) => `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`).join("")
const named = (...events: ({ type: string } & Record<string, unknown>)[]) =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("")
const chunk = (delta: object, more: object = {}) => ({
  ...{ id: "c1", object: "chat.completion.chunk", created: 1, model: "qwen" },
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
})

const TIMINGS = {
  ...{ cache_n: 236, prompt_n: 1, prompt_ms: 30.958, predicted_n: 35, predicted_ms: 661.06 },
  ...{ draft_n: 20, draft_n_accepted: 15 },
}

describe("an answer put together from its events", () => {
  it("of a chat keeps reasoning and calls of tools apart, and knows what was measured", () => {
    const answer = readAnswer(
      sse(
        chunk({ role: "assistant", content: null }),
        chunk({ reasoning_content: "Let me " }),
        chunk({ reasoning_content: "think." }),
        chunk({ content: "It is " }),
        chunk({ content: "warm." }),
        chunk({ tool_calls: [{ index: 0, id: "t1", function: { name: "read", arguments: '{"card"' } }] }),
        chunk({ tool_calls: [{ index: 1, id: "t2", function: { name: "stop", arguments: "{}" } }] }),
        chunk({ tool_calls: [{ index: 0, function: { arguments: ":1}" } }] }),
        chunk({}, { finish_reason: "tool_calls" }),
        { choices: [], usage: { prompt_tokens: 237, completion_tokens: 35 }, timings: TIMINGS },
        "[DONE]",
      ),
    )
    expect(answer.messages).toEqual([
      {
        ...{
          role: "assistant",
          text: "It is warm.",
          reasoning: "Let me think.",
          pictures: [],
          answers: null,
        },
        calls: [
          { id: "t1", name: "read", args: '{"card":1}' },
          { id: "t2", name: "stop", args: "{}" },
        ],
      },
    ])
    expect(answer).toMatchObject({
      isStream: true,
      isComplete: true,
      finish: "tool_calls",
      model: "qwen",
      unread: 0,
    })
    expect(answer.timings).toMatchObject({
      promptMs: 30.958,
      predictedMs: 661.06,
      cachedTokens: 236,
      draftAccepted: 15,
    })
    expect(answer.usage).toEqual({ prompt_tokens: 237, completion_tokens: 35 })
  })

  it("of several choices keeps each", () => {
    const answer = readAnswer(
      sse(chunk({ content: "a" }), { ...chunk({}), choices: [{ index: 1, delta: { content: "b" } }] }),
    )
    expect(answer.messages.map(({ text }) => text)).toEqual(["a", "b"])
    expect(answer.isComplete).toBe(false)
  })

  it("as llama-swap's own test server writes it is read too", () => {
    const answer = readAnswer(
      `event:message\ndata:{"choices":[{"delta":{"content":"asdf"},"finish_reason":null,"index":0}],"created":1795713711}\n\n` +
        `event:message\ndata:{"timings":{"predicted_ms":17,"predicted_n":10,"prompt_ms":13,"prompt_n":25},"usage":{"completion_tokens":10}}\n\n` +
        `event:message\ndata:[DONE]\n\n`,
    )
    expect(answer.messages.map(({ text }) => text)).toEqual(["asdf"])
    expect(answer).toMatchObject({ isComplete: true, timings: { promptMs: 13, predictedMs: 17 } })
  })

  it("tells llama-swap's words while it loads from the model's, and an error behind them", () => {
    const loading = (text: string) => ({ choices: [{ delta: { reasoning_content: text } }] })
    const answer = readAnswer(
      sse(loading("llama-swap loading model: qwen\n"), loading("Done! (12.34s)\n")) +
        `{"error":{"message":"upstream command exited prematurely"}}\n`,
    )
    expect(answer.loading).toBe("llama-swap loading model: qwen\nDone! (12.34s)\n")
    expect(answer.messages).toEqual([])
    expect(answer.error).toBe("upstream command exited prematurely")
  })

  it("of a completion", () => {
    const answer = readAnswer(
      sse(
        { object: "text_completion", model: "m", choices: [{ index: 0, text: "one " }] },
        { object: "text_completion", choices: [{ index: 0, text: "two", finish_reason: "length" }] },
        "[DONE]",
      ),
    )
    expect(answer.messages[0]?.text).toBe("one two")
    expect(answer.finish).toBe("length")
  })

  it("of llama-server's own completion", () => {
    const answer = readAnswer(
      sse({ content: "one ", stop: false }, { content: "", stop: true, stop_type: "eos", timings: TIMINGS }),
    )
    expect(answer.messages[0]?.text).toBe("one ")
    expect(answer).toMatchObject({ isComplete: true, finish: "eos", timings: { promptTokens: 1 } })
  })

  it("of Anthropic's messages", () => {
    const answer = readAnswer(
      named(
        { type: "message_start", message: { model: "m", usage: { input_tokens: 9 } } },
        { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "hm" } },
        { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "warm" } },
        {
          type: "content_block_start",
          index: 2,
          content_block: { type: "tool_use", id: "t", name: "read", input: {} },
        },
        { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"a"' } },
        { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: ":1}" } },
        { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 5 } },
        { type: "message_stop" },
      ),
    )
    expect(answer.messages).toMatchObject([
      { text: "warm", reasoning: "hm", calls: [{ id: "t", name: "read", args: '{"a":1}' }] },
    ])
    expect(answer).toMatchObject({
      isComplete: true,
      finish: "tool_use",
      model: "m",
      usage: { output_tokens: 5 },
    })
  })

  it("of the responses API", () => {
    const call = { type: "function_call", id: "fc1", call_id: "t1", name: "read", arguments: "" }
    const answer = readAnswer(
      named(
        { type: "response.created", response: { model: "m" } },
        { type: "response.reasoning_text.delta", delta: "hm" },
        { type: "response.output_text.delta", delta: "wa" },
        { type: "response.output_text.delta", delta: "rm" },
        { type: "response.output_item.added", item: call },
        { type: "response.function_call_arguments.delta", item_id: "fc1", delta: '{"a":1}' },
        { type: "response.output_item.done", item: { ...call, arguments: '{"a":1}' } },
        {
          type: "response.completed",
          response: { status: "completed", model: "m", usage: { output_tokens: 5 } },
        },
      ),
    )
    expect(answer.messages).toMatchObject([
      { text: "warm", reasoning: "hm", calls: [{ id: "t1", name: "read", args: '{"a":1}' }] },
    ])
    expect(answer).toMatchObject({ isComplete: true, finish: "completed", usage: { output_tokens: 5 } })
  })

  it("that was cut in the middle keeps what can be read and counts the rest", () => {
    const whole = sse(
      chunk({ content: "beginning " }),
      chunk({ content: "lost" }),
      chunk({ content: "end" }),
      "[DONE]",
    )
    const answer = readAnswer(
      whole.replace(/data: [^\n]*lost[^\n]*/, `data: {"id":"c1","obj\n… [cut] …\nces":[]}`),
    )
    expect(answer.messages[0]?.text).toBe("beginning end")
    expect(answer.unread).toBeGreaterThan(0)
  })
})

describe("an answer that came whole", () => {
  it.each([
    [
      "a chat",
      {
        choices: [
          { message: { role: "assistant", content: "hi", reasoning_content: "hm" }, finish_reason: "stop" },
        ],
      },
      { text: "hi", reasoning: "hm" },
    ],
    ["Anthropic's message", { type: "message", content: [{ type: "text", text: "hi" }] }, { text: "hi" }],
    [
      "a response",
      { object: "response", output: [{ type: "message", content: [{ type: "output_text", text: "hi" }] }] },
      { text: "hi" },
    ],
    ["vectors, which are no conversation", { data: [{ embedding: [1] }] }, { role: "assistant" }],
  ])("of %s", (_, body, message) => {
    const answer = readAnswer(JSON.stringify(body))
    expect(answer.messages).toHaveLength(1)
    expect(answer.messages[0]).toMatchObject(message)
    expect(answer.isComplete).toBeNull()
  })

  it.each([
    ["an object", { error: { message: "no room" } }],
    ["a text", { src: "llama-swap", error: "no room" }],
  ])("that is an error, as %s", (_, body) => {
    expect(readAnswer(JSON.stringify(body))).toMatchObject({ error: "no room", messages: [] })
  })
})

describe("an event stream", () => {
  it.each([
    ["data:a\n\ndata: b\n\n", ["a", "b"], 0],
    ["data: one\ndata: two\n\n", ["one\ntwo"], 0],
    [": ping\n\ndata: a\r\n\r\n", ["a"], 0],
    ["data: no end", ["no end"], 0],
    ["oops\n\n", [], 1],
    ["", [], 0],
  ])("%j holds %j", (text, data, stray) => {
    const read = readSse(text)
    expect(read.events.map((event) => event.data)).toEqual(data)
    expect(read.stray).toHaveLength(stray)
  })
})
