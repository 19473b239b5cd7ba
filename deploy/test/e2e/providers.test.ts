import Anthropic from "@anthropic-ai/sdk"
import OpenAI from "openai"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { MadeGatewayKey } from "@boocontrol/shared/gateway"
import { CHAT, startClientsWorld, startMock } from "./clients-world.ts"
import type { ClientsWorld, HeardRequest, Mock, MockReply } from "./clients-world.ts"

/** Providers as DeepSeek and Anthropic are, played by servers that remember all they hear. */
let world: ClientsWorld
let deepSeek: Mock
let claude: Mock
let openAi: OpenAI
let anthropic: Anthropic
let gatewayKey = ""
/** Requests for `slow`, each held until it is let go. */
const held: MockReply[] = []

const HOST_KEY = "sk-of-the-host"
const CREDENTIALS = { deepseek: "sk-of-deepseek", claude: "sk-of-claude" }
const SSE = { "content-type": "text/event-stream" }
const JSON_TYPE = { "content-type": "application/json" }

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`
const piece = (delta: object, finish: string | null = null): string =>
  event({ id: "x", object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] })
const called = { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Berlin"}' } }

function asDeepSeek({ url, body }: HeardRequest, response: MockReply): void {
  const { model, stream = false, tools } = JSON.parse(body) as { model: string; stream?: boolean; tools?: [] }
  const fails = { busy: 429, refusing: 401 }[model]
  if (url !== "/v1/chat/completions") return void response.writeHead(404).end()
  if (fails !== undefined) {
    const error = { message: `the ${model} one says no`, type: "x", param: null, code: "x" }
    return void response.writeHead(fails, JSON_TYPE).end(JSON.stringify({ error }))
  }
  if (model === "slow") return void held.push(response)
  if (model === "cut") {
    response.writeHead(200, SSE).write(piece({ role: "assistant", content: "half a" }))
    return void setImmediate(() => response.destroy())
  }
  const said = tools === undefined ? { content: "from afar" } : { content: null, tool_calls: [called] }
  if (stream)
    return void response.writeHead(200, SSE).end(`${piece(said)}${piece({}, "stop")}data: [DONE]\n\n`)
  response.writeHead(200, JSON_TYPE).end(whole(said))
}

function whole(said: object): string {
  const choices = [{ index: 0, finish_reason: "stop", message: { role: "assistant", ...said } }]
  const usage = { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 }
  return JSON.stringify({ id: "x", object: "chat.completion", created: 1, model: "m", choices, usage })
}

function asClaude({ url, body }: HeardRequest, response: MockReply): void {
  const { model, stream = false } = JSON.parse(body) as { model: string; stream?: boolean }
  if (url !== "/v1/messages") return void response.writeHead(404).end()
  const usage = { input_tokens: 7, output_tokens: 2 }
  const message = { id: "m", type: "message", role: "assistant", model, stop_reason: null, usage }
  const text = { type: "text", text: "from afar" }
  if (!stream)
    return void response.writeHead(200, JSON_TYPE).end(JSON.stringify({ ...message, content: [text] }))
  response.writeHead(200, SSE).write(
    [
      { type: "message_start", message: { ...message, content: [] } },
      { type: "content_block_start", index: 0, content_block: { ...text, text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: text.text } },
    ]
      .map((one) => `event: ${one.type}\n${event(one)}`)
      .join(""),
  )
  setImmediate(() => response.destroy())
}

beforeAll(async () => {
  world = await startClientsWorld("providers", { here: { api_keys: [HOST_KEY] } })
  deepSeek = await startMock(asDeepSeek)
  claude = await startMock(asClaude)
  const send = async (method: string, path: string, body: unknown): Promise<unknown> => {
    const reply = await world.hub.send(method, path, body)
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`)
    return reply.status === 204 ? null : reply.json()
  }
  const target = (id: "deepseek" | "claude", dialect: string, url: string, models: string[]) =>
    send("POST", "/routing/targets", {
      ...{ target_id: id, display_name: id, dialect, base_url: url, credential: CREDENTIALS[id] },
      ...{
        models: models.map((name) => ({ id: name, input_per_mtok: 1, output_per_mtok: 4 })),
        max_concurrent: 2,
      },
    })
  await target("deepseek", "openai", deepSeek.url, ["deepseek-chat", "busy", "refusing", "slow", "cut"])
  await target("claude", "anthropic", claude.url, ["claude-large"])
  await send("PUT", "/hosts/here/upstream-key", { key: HOST_KEY })
  for (const model of ["deepseek-chat", "busy"]) {
    const candidates = [{ targets: ["deepseek"], models: [model] }, { models: [CHAT] }]
    await send("POST", "/routing/policies", {
      policy: { name: model, rules: [{ order: "listed", candidates }] },
    })
  }
  gatewayKey = MadeGatewayKey.parse(await send("POST", "/keys", { label: "laptop" })).key
  const given = { apiKey: gatewayKey, maxRetries: 0 }
  const defaultHeaders = {
    ...{ "X-Boo-Source": "boochat", "X-Session-Id": "session-of-the-client", cookie: "login=of-the-client" },
  }
  openAi = new OpenAI({ ...given, defaultHeaders, baseURL: world.v1, organization: "org-of-the-client" })
  anthropic = new Anthropic({ ...given, defaultHeaders, baseURL: world.url })
})
afterAll(async () => {
  await world?.stop()
  await Promise.all([deepSeek?.close(), claude?.close()])
})

const messages = [{ role: "user" as const, content: "Say something" }]
const ask = (model: string) =>
  openAi.chat.completions.create({ model, messages, max_tokens: 5 }).withResponse()
const failure = (asked: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(asked).then(
    () => "no failure",
    (error: unknown) => error,
  )

describe("a provider that speaks as OpenAI does", () => {
  it.each(["deepseek/deepseek-chat", "auto:deepseek-chat"])(
    "chats, streams and calls tools as %s",
    async (model) => {
      const { data, response } = await ask(model)
      expect(data.choices[0]?.message.content).toBe("from afar")
      expect(response.headers.get("x-boo-host")).toBe("deepseek")
      const stream = await openAi.chat.completions.create({ model, messages, stream: true })
      let text = ""
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? ""
      expect(text).toBe("from afar")
      const tools = [{ type: "function" as const, function: { name: "weather", parameters: {} } }]
      const call = await openAi.chat.completions.create({ model, messages, tools })
      expect(call.choices[0]?.message.tool_calls).toEqual([called])
    },
  )

  it("that is busy or refuses says so to who named it, and a policy goes elsewhere", async () => {
    const busy = await failure(ask("deepseek/busy"))
    expect(busy).toBeInstanceOf(OpenAI.RateLimitError)
    expect(busy).toMatchObject({ status: 429, code: "full" })
    const refusing = await failure(ask("deepseek/refusing"))
    expect(refusing).toBeInstanceOf(OpenAI.InternalServerError)
    expect(String(refusing)).toContain("deepseek: it answered 401: the refusing one says no")
    const { response } = await ask("auto:busy")
    expect(response.headers.get("x-boo-host")).toBe("here")
  })

  it("that breaks off in a stream gives the client an error, not an end", async () => {
    const stream = await openAi.chat.completions.create({ model: "deepseek/cut", messages, stream: true })
    let text = ""
    const read = async (): Promise<void> => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? ""
    }
    const error = await failure(read())
    expect(text).toBe("half a")
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(error).toMatchObject({ code: "upstream_lost" })
  })

  it("has never more requests at once than it may, and all are served in the end", async () => {
    const asked = Array.from({ length: 6 }, () => ask("deepseek/slow"))
    let most = 0
    for (let served = 0; served < asked.length; served++) {
      await expect.poll(() => held.length, { timeout: 20_000 }).toBe(Math.min(2, asked.length - served))
      most = Math.max(most, held.length)
      held
        .shift()
        ?.writeHead(200, JSON_TYPE)
        .end(whole({ content: "at last" }))
    }
    const answers = await Promise.all(asked)
    expect(answers.map(({ data }) => data.choices[0]?.message.content)).toEqual(asked.map(() => "at last"))
    expect(most).toBe(2)
  })
})

describe("a provider that speaks as Anthropic does", () => {
  it("answers Anthropic's client", async () => {
    const said = await anthropic.messages.create({ model: "claude/claude-large", messages, max_tokens: 5 })
    expect(said.content).toEqual([{ type: "text", text: "from afar" }])
  })

  it("that breaks off in a stream gives the client an error, not an end", async () => {
    const stream = anthropic.messages.stream({ model: "claude/claude-large", messages, max_tokens: 5 })
    const error = await failure(stream.finalMessage())
    expect(error).toBeInstanceOf(Anthropic.APIError)
    expect(String(error)).toContain("upstream_lost")
  })
})

describe("the other dialect", () => {
  it("never reaches a provider: whoever named it hears why, and a policy goes elsewhere", async () => {
    const before = [deepSeek.heard.length, claude.heard.length]
    const [one, other] = await Promise.all([
      failure(ask("claude/claude-large")),
      failure(anthropic.messages.create({ model: "deepseek/deepseek-chat", messages, max_tokens: 5 })),
    ])
    expect(one).toBeInstanceOf(OpenAI.NotFoundError)
    expect(String(one)).toContain("speaks anthropic, and chat/completions is openai")
    expect(other).toBeInstanceOf(Anthropic.NotFoundError)
    expect(String(other)).toContain("speaks openai, and messages is anthropic")
    const call = anthropic.messages.create({ model: "auto:deepseek-chat", messages, max_tokens: 5 })
    expect((await call.withResponse()).response.headers.get("x-boo-host")).toBe("here")
    expect([deepSeek.heard.length, claude.heard.length]).toEqual(before)
  })
})

describe("what a provider hears", () => {
  it("is its own key, and nothing of the client, of the gateway or of the hosts", () => {
    const secrets = [gatewayKey, HOST_KEY, "of-the-client", "boochat", "laptop"]
    for (const { headers, body } of [...deepSeek.heard, ...claude.heard]) {
      expect(
        Object.keys(headers).filter((name) => /^(x-boo-|x-session|x-forwarded|remote-|cookie)/.test(name)),
      ).toEqual([])
      const all = JSON.stringify(headers) + body
      expect(secrets.filter((secret) => all.includes(secret))).toEqual([])
    }
    const keys = ({ heard }: Mock) =>
      new Set(heard.map(({ headers }) => `${headers.authorization} ${String(headers["x-api-key"])}`))
    expect(keys(deepSeek)).toEqual(new Set([`Bearer ${CREDENTIALS.deepseek} undefined`]))
    expect(keys(claude)).toEqual(new Set([`undefined ${CREDENTIALS.claude}`]))
    expect(
      new Set(deepSeek.heard.map(({ body }) => (JSON.parse(body) as { model: string }).model)),
    ).toContain("deepseek-chat")
  })
})
