import Anthropic from "@anthropic-ai/sdk"
import OpenAI from "openai"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { CHAT, CONTEXT, EMBEDDINGS, startClientsWorld } from "./clients-world.ts"
import type { ClientsWorld } from "./clients-world.ts"

const failed = (error: unknown): unknown => error

/** The SDKs that people have, as they come, in front of the gateway: no retries of their own, so that nothing is hidden. */
let world: ClientsWorld
let openAi: OpenAI
let anthropic: Anthropic

beforeAll(async () => {
  world = await startClientsWorld("clients", { alpha: {}, beta: {}, gamma: {}, delta: {} })
  const given = { apiKey: "sk-of-the-client", maxRetries: 0 }
  openAi = new OpenAI({ ...given, baseURL: world.v1, defaultHeaders: { "X-Boo-Source": "boochat" } })
  anthropic = new Anthropic({ ...given, baseURL: world.url })
})
afterAll(() => world?.stop())

const NAMES = ["auto:code", CHAT, `beta/${CHAT}`]
const messages = [{ role: "user" as const, content: "Say something" }]
const LONG = "word ".repeat(CONTEXT * 3)
const weather = {
  type: "object" as const,
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
}

describe("the openai package", () => {
  it.each(NAMES)("chats with %s", async (model) => {
    const call = openAi.chat.completions.create({ model, messages, max_tokens: 12 })
    const { data, response } = await call.withResponse()
    expect(data.choices[0]?.message.content).toMatch(/\w/)
    expect(data.usage?.completion_tokens).toBe(12)
    expect(response.headers.get("x-boo-model")).toBe(CHAT)
    expect((await call)._request_id).toBe(response.headers.get("x-boo-request-id"))
    expect(response.headers.get("x-boo-host")).toMatch(model.startsWith("beta/") ? /^beta$/ : /^[a-z]+$/)
  })

  it.each(NAMES)("streams from %s to the end", async (model) => {
    const stream = await openAi.chat.completions.create({
      ...{ model, messages, max_tokens: 12, stream: true },
      stream_options: { include_usage: true },
    })
    let [text, tokens, finish] = ["", 0, ""]
    for await (const { choices, usage } of stream) {
      text += choices[0]?.delta.content ?? ""
      finish = choices[0]?.finish_reason ?? finish
      tokens = usage?.completion_tokens ?? tokens
    }
    expect(text).toMatch(/\w+ \w+/)
    expect([tokens, finish]).toEqual([12, "length"])
  })

  it.each(NAMES)("calls tools of %s, whole and streamed", async (model) => {
    const tools = [{ type: "function" as const, function: { name: "weather", parameters: weather } }]
    const asked = { model, messages, tools, tool_choice: "required" as const, max_tokens: 50 }
    const whole = await openAi.chat.completions.create(asked)
    expect(whole.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { tool_calls: [{ function: { name: "weather", arguments: '{"city":"Berlin","days":1}' } }] },
    })
    const streamed = await openAi.chat.completions.stream(asked).finalChatCompletion()
    expect(streamed.choices[0]?.message.tool_calls).toMatchObject([
      { function: { name: "weather", arguments: '{"city":"Berlin","days":1}' } },
    ])
  })

  it.each(["auto", EMBEDDINGS, `alpha/${EMBEDDINGS}`])("gets embeddings of %s", async (model) => {
    const { data } = await openAi.embeddings.create({ model, input: ["one", "two"] })
    expect(data.map(({ embedding }) => embedding.length)).toEqual([64, 64])
    expect(data[0]?.embedding[0]).toBeGreaterThan(-1)
  })

  it("speaks the responses API", async () => {
    const response = await openAi.responses.create({ model: CHAT, input: "Say something" })
    expect(response.status).toBe("completed")
    expect(response.output_text).toMatch(/\w/)
  })

  it("lists models, policies first, each once", async () => {
    const ids: string[] = []
    for await (const { id } of openAi.models.list()) ids.push(id)
    expect(ids[0]).toBe("auto")
    expect(ids).toEqual(expect.arrayContaining(["auto:code", CHAT, EMBEDDINGS]))
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of [CHAT, `beta/${CHAT}`])
      expect(await openAi.models.retrieve(id)).toMatchObject({ id, object: "model" })
    const error: unknown = await openAi.models.retrieve("nobody").then(() => null, failed)
    expect(error).toBeInstanceOf(OpenAI.NotFoundError)
    expect(error).toMatchObject({ code: "no_model", type: "invalid_request_error" })
  })

  const failures: [string, string, unknown, object][] = [
    ["nobody", "hi", OpenAI.NotFoundError, { status: 404, code: "no_model", type: "invalid_request_error" }],
    ["alpha/nobody", "hi", OpenAI.NotFoundError, { status: 404, code: "no_model" }],
    ["auto:nobody", "hi", OpenAI.NotFoundError, { status: 404, code: "no_model" }],
    [CHAT, LONG, OpenAI.BadRequestError, { status: 400, code: "no_context_fit" }],
    ["auto:code", LONG, OpenAI.BadRequestError, { status: 400, code: "no_context_fit" }],
    ["", "hi", OpenAI.BadRequestError, { status: 400, code: "no_model_named", param: "model" }],
  ]
  it.each(failures)("throws its own error for %j", async (model, content, kind, facts) => {
    for (const stream of [false, true]) {
      const asked = openAi.chat.completions.create({ model, stream, messages: [{ role: "user", content }] })
      const error: unknown = await asked.then(() => null, failed)
      expect(error).toBeInstanceOf(kind)
      expect(error).toMatchObject(facts)
    }
  })
})

describe("the @anthropic-ai/sdk package", () => {
  it.each(NAMES)("chats with %s", async (model) => {
    const call = anthropic.messages.create({ model, messages, max_tokens: 12 })
    const [said, { response }] = [await call, await call.withResponse()]
    expect(said._request_id).toBe(response.headers.get("x-boo-request-id"))
    expect(said.content[0]).toMatchObject({ type: "text", text: expect.stringMatching(/\w/) })
    expect([said.stop_reason, said.usage.output_tokens]).toEqual(["max_tokens", 12])
  })

  it.each(NAMES)("streams from %s to the end", async (model) => {
    const stream = anthropic.messages.stream({ model, messages, max_tokens: 12 })
    let pieces = 0
    stream.on("text", () => (pieces += 1))
    const said = await stream.finalMessage()
    expect(pieces).toBe(12)
    expect(said).toMatchObject({ stop_reason: "max_tokens", usage: { output_tokens: 12 } })
  })

  it.each(NAMES)("calls tools of %s, whole and streamed", async (model) => {
    const tools = [{ name: "weather", input_schema: weather }]
    const asked = { model, messages, tools, max_tokens: 50, tool_choice: { type: "any" as const } }
    const wanted = { type: "tool_use", name: "weather", input: { city: "Berlin", days: 1 } }
    const whole = await anthropic.messages.create(asked)
    expect([whole.stop_reason, whole.content]).toMatchObject(["tool_use", [wanted]])
    const streamed = await anthropic.messages.stream(asked).finalMessage()
    expect([streamed.stop_reason, streamed.content]).toMatchObject(["tool_use", [wanted]])
  })

  it("lists models page by page, in both directions, and retrieves one", async () => {
    const listed: string[] = []
    for await (const { id } of anthropic.models.list({ limit: 2 })) listed.push(id)
    expect(listed).toEqual(expect.arrayContaining(["auto", CHAT, EMBEDDINGS]))
    expect(new Set(listed).size).toBe(listed.length)
    const first = await anthropic.models.list({ limit: 2 })
    expect([first.data.length, first.has_more]).toEqual([2, true])
    const back: string[] = []
    for await (const page of (
      await anthropic.models.list({ limit: 2, before_id: listed.at(-1) ?? "" })
    ).iterPages())
      back.unshift(...page.data.map(({ id }) => id))
    expect(back).toEqual(listed.slice(0, -1))
    const bad: unknown = await anthropic.models.list({ limit: 0 }).then(() => null, failed)
    expect(bad).toMatchObject({ status: 400, type: "invalid_request_error" })
    expect(await anthropic.models.retrieve(CHAT)).toMatchObject({
      ...{ id: CHAT, type: "model", display_name: CHAT },
      max_input_tokens: expect.any(Number),
    })
    const error: unknown = await anthropic.models.retrieve("nobody").then(() => null, failed)
    expect(error).toBeInstanceOf(Anthropic.NotFoundError)
    expect(error).toMatchObject({ status: 404, type: "not_found_error" })
    expect(error).toMatchObject({ requestID: expect.stringMatching(/^[0-9a-f-]{36}$/) })
  })

  it("counts tokens", async () => {
    const { input_tokens: tokens } = await anthropic.messages.countTokens({ model: CHAT, messages })
    expect(tokens).toBeGreaterThan(0)
  })

  const failures: [string, string, unknown, object][] = [
    ["nobody", "hi", Anthropic.NotFoundError, { status: 404, type: "not_found_error" }],
    [CHAT, LONG, Anthropic.BadRequestError, { status: 400, type: "invalid_request_error" }],
    ["auto:code", LONG, Anthropic.BadRequestError, { status: 400, type: "invalid_request_error" }],
  ]
  it.each(failures)("throws its own error for %j", async (model, content, kind, facts) => {
    const asked = { model, max_tokens: 12, messages: [{ role: "user" as const, content }] }
    const whole = anthropic.messages.create(asked)
    const streamed = anthropic.messages.stream(asked).finalMessage()
    for (const error of await Promise.allSettled([whole, streamed])) {
      expect(error).toMatchObject({ status: "rejected", reason: facts })
      expect(error.status === "rejected" && error.reason).toBeInstanceOf(kind)
    }
  })
})

describe("a host that dies", () => {
  const SOON = { timeout: 20_000 }
  const ask = (tokens: number) => () =>
    openAi.chat.completions.create({ model: CHAT, messages, max_tokens: tokens }).withResponse()
  const told = ({ response }: { response: Response }, header: string) => response.headers.get(header)

  it("takes none of the requests with it: those it had go elsewhere, and all that follow", async () => {
    const dying = told(await ask(5)(), "x-boo-host") ?? ""
    const inHand = Array.from({ length: 8 }, ask(300))
    await expect.poll(() => world.host(dying).control.inflight(), SOON).toBeGreaterThan(0)
    await world.kill(dying)
    const after = await Promise.all(Array.from({ length: 24 }, ask(10)))
    const before = await Promise.all(inHand)
    const ends = [...before, ...after].map(({ data }) => data.choices[0]?.finish_reason)
    expect(new Set(ends)).toEqual(new Set(["length"]))
    expect(before.map((one) => told(one, "x-boo-attempts"))).toContain("2")
    expect(after.map((one) => told(one, "x-boo-host"))).not.toContain(dying)
  })

  it("in the middle of a stream gives openai's client an error, not an end", async () => {
    const call = openAi.chat.completions.create({ model: CHAT, messages, max_tokens: 4000, stream: true })
    const { data: stream, response } = await call.withResponse()
    let text = ""
    const read = async (): Promise<void> => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? ""
    }
    const reading = read()
    await expect.poll(() => text, SOON).not.toBe("")
    await world.kill(response.headers.get("x-boo-host") ?? "")
    const error = await reading.then(() => "ended", failed)
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(error).toMatchObject({ code: "upstream_lost" })
  })

  it("in the middle of a stream gives Anthropic's client an error, not an end", async () => {
    const stream = anthropic.messages.stream({ model: CHAT, messages, max_tokens: 4000 })
    let text = ""
    stream.on("text", (piece) => (text += piece))
    const whole = stream.finalMessage().then(() => "ended", failed)
    await expect.poll(() => text, SOON).not.toBe("")
    const { response } = await stream.withResponse()
    await world.kill(response.headers.get("x-boo-host") ?? "")
    const error = await whole
    expect(error).toBeInstanceOf(Anthropic.APIError)
    expect(String(error)).toContain("upstream_lost")
  })
})
