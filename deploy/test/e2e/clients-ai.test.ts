import { createAnthropic } from "@ai-sdk/anthropic"
import { createOpenAI } from "@ai-sdk/openai"
import { APICallError, embed, generateText, jsonSchema, streamText, tool } from "ai"
import { afterAll, beforeAll, expect, it } from "vitest"
import { withBooSource } from "@boocontrol/shared/source"
import { CHAT, EMBEDDINGS, startClientsWorld } from "./clients-world.ts"
import type { ClientsWorld } from "./clients-world.ts"

/** The `ai` package and two of its providers, as applications use them. */
let world: ClientsWorld
let openAi: ReturnType<typeof createOpenAI>
let anthropic: ReturnType<typeof createAnthropic>

beforeAll(async () => {
  world = await startClientsWorld("ai", { alpha: {}, beta: {} })
  const given = { baseURL: world.v1, apiKey: "none", fetch: withBooSource(fetch, "ai") }
  openAi = createOpenAI(given)
  anthropic = createAnthropic(given)
})
afterAll(() => world?.stop())

const prompt = "Say something"
const NAMES = ["auto:code", CHAT, `beta/${CHAT}`]
const models: [string, (name: string) => Parameters<typeof generateText>[0]["model"]][] = [
  ["chat of @ai-sdk/openai", (name) => openAi.chat(name)],
  ["@ai-sdk/anthropic", (name) => anthropic(name)],
]
const usual = { maxOutputTokens: 12, maxRetries: 0 }

for (const [api, modelOf] of models) {
  it.each(NAMES)(`generates, streams and calls tools by ${api} with %s`, async (name) => {
    const model = modelOf(name)
    const whole = await generateText({ ...usual, model, prompt })
    expect([whole.text !== "", whole.finishReason, whole.usage.outputTokens]).toEqual([true, "length", 12])
    let text = ""
    const streamed = streamText({ ...usual, model, prompt })
    for await (const piece of streamed.textStream) text += piece
    expect([text !== "", await streamed.finishReason]).toEqual([true, "length"])
    const weather = tool({
      execute: ({ city }) => `sunny in ${city}`,
      inputSchema: jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } } }),
    })
    const called = await generateText({ ...usual, model, prompt, tools: { weather }, toolChoice: "required" })
    expect(called.toolCalls).toMatchObject([{ toolName: "weather", input: { city: "Berlin" } }])
  })

  it(`throws its own error by ${api} where nobody has the model, or none is large enough`, async () => {
    const long = "word ".repeat(20_000)
    for (const [name, asked, status] of [
      ["nobody", prompt, 404],
      [CHAT, long, 400],
    ] as const) {
      const error: unknown = await generateText({ ...usual, model: modelOf(name), prompt: asked }).then(
        () => null,
        (thrown: unknown) => thrown,
      )
      expect(APICallError.isInstance(error)).toBe(true)
      expect(error).toMatchObject({ statusCode: status, isRetryable: false })
    }
  })
}

it("embeds", async () => {
  const { embedding } = await embed({ model: openAi.embedding(EMBEDDINGS), value: "one", maxRetries: 0 })
  expect(embedding).toHaveLength(64)
})

it("is told when a stream breaks off, and does not take it for whole", async () => {
  const errors: unknown[] = []
  const streamed = streamText({
    ...{ model: openAi.chat(`alpha/${CHAT}`), prompt, maxOutputTokens: 4000, maxRetries: 0 },
    onError: ({ error }) => void errors.push(error),
  })
  let text = ""
  for await (const piece of streamed.textStream) {
    if (text === "") await world.kill("alpha")
    text += piece
  }
  expect(text).not.toBe("")
  expect(JSON.stringify(errors)).toContain("upstream_lost")
})
