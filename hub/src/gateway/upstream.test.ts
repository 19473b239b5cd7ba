import { once } from "node:events"
import { request as httpRequest } from "node:http"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import * as z from "zod/mini"
import { GatewayModels } from "@boocontrol/shared/gateway"
import { envelope, model, presence } from "../../test/example-host.ts"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"
import { fakeHost, json } from "./world-for-tests.ts"
import type { FakeHost } from "./world-for-tests.ts"

let world: World
let hub: RunningHub
/** `one` holds what `two` would have to load; `cloud` is a provider. */
let one: FakeHost
let two: FakeHost
let cloud: FakeHost

const heard = (host: FakeHost) => host.heard.map(({ method, url }) => `${method} ${url}`)
const Failed = z.object({
  error: z.looseObject({
    code: z.string(),
    message: z.string(),
    candidates: z._default(z.array(z.object({ host: z.string(), reason: z.string() })), []),
  }),
})
const failure = async (reply: Response) => ({
  status: reply.status,
  ...Failed.parse(await reply.json()).error,
})
const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  fetch(hub.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  })

beforeAll(async () => {
  world = await newWorld("upstream")
  one = await fakeHost(json(200, { from: "one" }))
  two = await fakeHost(json(200, { from: "two" }))
  cloud = await fakeHost(json(200, { from: "cloud" }))
  hub = await runHub(world)
  const reader = await hub.reader()
  const say = (host: string, at: FakeHost, ...models: ReturnType<typeof model>[]): void => {
    const head = { host, atMs: Date.now() }
    world.say(envelope("presence", presence({ advertise_url: at.url }), head))
    world.say(envelope("models", { models, transitions: [] }, { ...head, seq: 1 }))
  }
  const coder = { quant: "Q4_K_M", context_length: 4096, aliases: ["coder"] }
  say("one", one, model("org/qwen3-coder-30b", "ready", coder), model("cold-4b", "stopped"))
  say("two", two, model("org/qwen3-coder-30b", "stopped", coder))
  await reader.until(() => (reader.host("one")?.models.length ?? 0) > 0, "the first host")
  await reader.until(() => (reader.host("two")?.models.length ?? 0) > 0, "the second host")
  const target = {
    ...{ target_id: "cloud", display_name: "Cloud", dialect: "openai", base_url: cloud.url },
    ...{ models: [{ id: "big", input_per_mtok: 1, output_per_mtok: 4 }], credential: "secret" },
  }
  const { status } = await hub.send("POST", "/routing/targets", target)
  if (status !== 201) throw new Error(`the target was not made: ${status}`)
})
afterAll(async () => {
  await hub.stop()
  await Promise.all([one, two, cloud].map((host) => host.close()))
  await world.end()
})
beforeEach(() => {
  // However long a test takes, the hosts are still there in the next one.
  for (const [name, { url }] of [["one", one] as const, ["two", two] as const])
    world.say(envelope("presence", presence({ advertise_url: url }), { host: name, atMs: Date.now() }))
  for (const host of [one, two, cloud]) host.heard.splice(0)
})

describe("a route of a model under /upstream", () => {
  it("goes to who serves that name, under the name known there, and its body is not touched", async () => {
    const sent = { model: "whatever", messages: [], stream: false }
    const reply = await post("/upstream/coder/v1/chat/completions?x=1", sent)
    expect([reply.status, reply.headers.get("x-boo-host")]).toEqual([200, "one"])
    expect(heard(one)).toEqual(["POST /upstream/org/qwen3-coder-30b/v1/chat/completions?x=1"])
    expect(one.heard[0]?.body).toBe(JSON.stringify(sent))
    expect(one.heard[0]?.headers["x-boo-request-id"]).toBe(reply.headers.get("x-boo-request-id"))
  })

  it.each(["one/org/qwen3-coder-30b", "auto:code", "org%2Fqwen3-coder-30b"])(
    "takes the name %s as the body would",
    async (name) => {
      expect((await post(`/upstream/${name}/infill`, {})).status).toBe(200)
      expect(heard(one)).toEqual(["POST /upstream/org/qwen3-coder-30b/infill"])
    },
  )

  it("goes to another host where one fails", async () => {
    const { answer } = one
    one.answer = json(500, { error: "x" })
    const reply = await post("/upstream/coder/v1/completions", { prompt: "x" })
    one.answer = answer
    expect([reply.status, reply.headers.get("x-boo-host")]).toEqual([200, "two"])
    expect(heard(two)).toEqual(["POST /upstream/org/qwen3-coder-30b/v1/completions"])
  })

  it("may be a form without a model", async () => {
    const form = new FormData()
    form.set("file", new Blob(["x".repeat(200_000)]), "a.wav")
    const path = "/upstream/one/coder/v1/audio/transcriptions"
    expect((await fetch(hub.url + path, { method: "POST", body: form })).status).toBe(200)
    expect(one.heard[0]?.body.length).toBeGreaterThan(200_000)
  })

  it("is never sent to a provider", async () => {
    const said = await failure(await post("/upstream/cloud/big/v1/chat/completions", { messages: [] }))
    expect(said).toMatchObject({ status: 404, code: "no_model" })
    expect(said.candidates).toEqual([{ ...said.candidates[0], host: "cloud" }])
    expect(heard(cloud)).toEqual([])
  })
})

describe("a look at a model's own server", () => {
  it.each([
    ["GET", "/slots"],
    ["GET", "/metrics"],
    ["HEAD", "/health"],
    ["POST", "/tokenize"],
  ])("%s %s goes to the host that has it loaded", async (method, page) => {
    const body = method === "POST" ? { body: '{"content":"a"}' } : {}
    const reply = await fetch(`${hub.url}/upstream/coder${page}`, { method, ...body })
    expect([reply.status, reply.headers.get("x-boo-host")]).toEqual([200, "one"])
    expect(heard(one)).toEqual([`${method} /upstream/org/qwen3-coder-30b${page}`])
  })

  it.each(["two/coder", "cold-4b"])("at %s loads nothing, and says so", async (name) => {
    const said = await failure(await fetch(`${hub.url}/upstream/${name}/slots`))
    expect(said).toMatchObject({ status: 409, code: "not_loaded" })
    expect(said.message).toContain("Asking does not load it")
    expect([heard(one), heard(two)]).toEqual([[], []])
  })

  it("does not run in the cockpit's own page, whatever a host sends", async () => {
    const reply = await fetch(`${hub.url}/upstream/coder/slots`)
    expect(reply.headers.get("content-security-policy")).toBe("default-src 'none'; sandbox")
    expect(reply.headers.get("x-content-type-options")).toBe("nosniff")
  })

  it("is not passed on where nobody said what it is", async () => {
    for (const path of ["/upstream/coder/", "/upstream/coder/slots/0", "/upstream/coder/index.html"]) {
      const said = await failure(await fetch(hub.url + path))
      expect(said).toMatchObject({ status: 404, code: "not_served" })
    }
    expect(heard(one)).toEqual([])
  })
})

describe("what a provider has not", () => {
  it.each([
    ["/v1/messages", "speaks openai, and messages is anthropic"],
    ["/v1/rerank", "does not say that it has rerank (capability reranker)"],
    ["/infill", "what a llama-swap serves beside /v1 no provider has"],
    ["/v/chat/completions", "what a llama-swap serves beside /v1 no provider has"],
  ])("%s is not sent there, and the answer says why", async (path, reason) => {
    const said = await failure(await post(path, { model: "cloud/big", messages: [], max_tokens: 5 }))
    expect(said).toMatchObject({ status: 404, candidates: [{ host: "cloud", reason }] })
    expect(heard(cloud)).toEqual([])
  })
})

const Props = z.object({
  default_generation_settings: z.object({ n_ctx: z.optional(z.int()) }),
  boo: z.object({ host: z.nullable(z.string()), model: z.string(), state: z.nullable(z.string()) }),
})

it.each([
  "/props?model=auto:code",
  "/props?model=auto%3Acode",
  "/upstream/auto:code/props",
  "/upstream/auto%3Acode/props",
  "/props?model=coder",
])("GET %s is told by what it leads to now, and nobody is asked", async (path) => {
  const reply = await fetch(hub.url + path)
  expect(Props.parse(await reply.json())).toEqual({
    default_generation_settings: { n_ctx: 4096 },
    boo: { host: "one", model: "org/qwen3-coder-30b", state: "ready" },
  })
  expect([heard(one), heard(two), heard(cloud)]).toEqual([[], [], []])
})

it.each([
  ["/props?model=cold-4b", 200],
  ["/upstream/two/coder/props", 200],
  ["/props?model=auto:nothing", 404],
  ["/upstream/auto:nothing/props", 404],
])("GET %s loads nothing either", async (path, status) => {
  expect((await fetch(hub.url + path)).status).toBe(status)
  expect([heard(one), heard(two), heard(cloud)]).toEqual([[], [], []])
})

it("tells who asks for a name that leads nowhere where to find the ones that do", async () => {
  const { status, message } = await failure(await post("/v1/chat/completions", { model: "nobody/has-it" }))
  expect([status, message]).toEqual([404, expect.stringMatching(/nobody\/has-it: GET \/v1\/models lists/)])
})

it("goes on as it is for a client that offers another protocol, as Java's does", async () => {
  const { port } = new URL(hub.url)
  const headers = {
    connection: "Upgrade, HTTP2-Settings",
    upgrade: "h2c",
    "http2-settings": "AAMAAABkAAQAoAAA",
  }
  const sent = httpRequest({ port, method: "POST", path: "/v1/completions", headers })
  const replied = once(sent, "response")
  sent.end(JSON.stringify({ model: "coder", prompt: "" }))
  const [reply] = await replied
  reply.resume()
  expect([reply.statusCode, heard(one)]).toEqual([200, ["POST /v1/completions"]])
  expect(one.heard[0]?.headers).not.toHaveProperty("http2-settings")
})

it("lists models at /models too, as newer llama-swaps do", async () => {
  const [short, long] = await Promise.all(
    ["/models", "/v1/models"].map(async (path) => {
      const { data } = GatewayModels.parse(await (await fetch(hub.url + path)).json())
      return data.map(({ id }) => id)
    }),
  )
  expect(short).toContain("org/qwen3-coder-30b")
  expect(short).toEqual(long)
})
