import { once } from "node:events"
import { request as httpRequest } from "node:http"
import { connect } from "node:net"
import { describe, expect, it } from "vitest"
import * as z from "zod/mini"
import {
  chat,
  chunk,
  done,
  fleetHost,
  fleetModel,
  gatewayForTest as gateway,
  hostForTest as host,
  json,
  refusesConnections,
  stream,
  streamed,
  usage,
} from "./world-for-tests.ts"
import type { FakeHost } from "./world-for-tests.ts"

const Said = z.looseObject({
  type: z.optional(z.string()),
  error: z._default(z.looseObject({ code: z.string() }), { code: "" }),
})
async function said(reply: Response): Promise<z.infer<typeof Said>> {
  return Said.parse(await reply.json())
}

const loading = (text: string) => `data: {"choices":[{"delta":{"reasoning_content":"${text}"}}]}\n\n`

describe("a request", () => {
  it("goes through byte for byte, with who asks in place of who pays", async () => {
    const a = await host(json(200, { ok: true }))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])], keyOf: () => "host-key" })
    const body = `{ "model" : "m",\n "seed": 12345678901234567890, "x": "käse \\u00e9" }`
    const reply = await world.post("/v1/chat/completions?x=1", body, {
      ...{ "x-boo-source": "boochat", authorization: "Bearer client-key", "x-session-id": "s1" },
    })
    expect(await reply.json()).toEqual({ ok: true })
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      ...{ "x-boo-host": "a", "x-boo-model": "m", "x-boo-attempts": "1" },
      "x-boo-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    const heard = a.heard[0]
    expect(heard).toMatchObject({ method: "POST", url: "/v1/chat/completions?x=1", body })
    expect(heard?.headers).toMatchObject({
      ...{ authorization: "Bearer host-key", "x-boo-source": "boochat", "x-session-id": "s1" },
      "x-boo-request-id": reply.headers.get("x-boo-request-id"),
    })
  })

  it("says the name that the host knows, and nothing else is changed", async () => {
    const a = await host(json(200, {}))
    const hosts = [fleetHost("a", a.url, { models: [fleetModel("org/m-Q4", { aliases: ["gpt"] })] })]
    const world = await gateway({ hosts })
    const text = `{"messages":[{"content":"\\"model\\": \\"gpt\\""}],"model":"gpt"}`
    expect((await world.post("/v1/chat/completions", text)).status).toBe(200)
    expect((await world.post("/v1/chat/completions", text.replace(`"gpt"}`, `"a/org/m-Q4"}`))).status).toBe(
      200,
    )
    const wanted = `{"messages":[{"content":"\\"model\\": \\"gpt\\""}],"model":"org/m-Q4"}`
    expect(a.heard.map(({ body }) => body)).toEqual([wanted, wanted])
  })

  it("that is a form is sent to the host of its model field, whether the file comes first or last", async () => {
    const a = await host(json(200, { text: "hello" }))
    const hosts = [
      fleetHost("a", a.url, { models: [fleetModel("whisper-large", { aliases: ["whisper-1"] })] }),
    ]
    const world = await gateway({ hosts })
    for (const size of [10, 3_000_000]) {
      for (const order of ["file", "model"]) {
        const form = new FormData()
        if (order === "model") form.set("model", "whisper-1")
        form.set("file", new Blob(["x".repeat(size)]), "a.wav")
        if (order === "file") form.set("model", "whisper-1")
        const reply = await fetch(`${world.url}/v1/audio/transcriptions`, { method: "POST", body: form })
        expect([order, size, reply.status]).toEqual([order, size, 200])
        const heard = a.heard.at(-1)?.body ?? ""
        expect(heard).toContain(`name="model"\r\n\r\nwhisper-large\r\n`)
        expect(heard.length).toBeGreaterThan(size)
      }
    }
  })

  it("with a model in the query needs no body", async () => {
    const a = await host(json(200, {}))
    const hosts = [fleetHost("a", a.url, { models: [fleetModel("tts-q8", { aliases: ["tts"] })] })]
    const world = await gateway({ hosts })
    await fetch(`${world.url}/v1/audio/voices?model=tts&x=1`)
    expect(a.heard[0]).toMatchObject({ method: "GET", url: "/v1/audio/voices?model=tts-q8&x=1" })
  })

  it("that is streamed arrives event by event, and its tokens are known", async () => {
    const a = await host(stream([chunk("one"), chunk("two"), usage, done]))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const reply = await world.post("/v1/chat/completions", streamed)
    expect(reply.headers.get("content-type")).toBe("text/event-stream")
    expect(await reply.text()).toBe(chunk("one") + chunk("two") + usage + done)
    await expect.poll(() => world.ends).toHaveLength(1)
    expect(world.ends[0]).toMatchObject({
      outcome: "answered",
      host: "a",
      usage: { promptTokens: 5, outputTokens: 2 },
    })
  })

  it("that was routed already reaches no host", async () => {
    const a = await host(json(200, {}))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const reply = await world.post("/v1/chat/completions", chat, { "x-boo-request-id": "abc" })
    expect([reply.status, (await said(reply)).error.code]).toEqual([400, "already_routed"])
    expect(a.heard).toEqual([])
  })

  it("whose client does not read holds the host back instead of the hub's memory", async () => {
    let sent = 0
    const a = await host((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      const more = (): void => {
        while (!response.destroyed && response.write(chunk("x".repeat(64_000)))) sent += 64_000
        sent += 64_000
        response.once("drain", more)
      }
      more()
    })
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const { port } = new URL(world.url)
    const socket = connect(Number(port), "127.0.0.1")
    const body = JSON.stringify(streamed)
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await once(socket, "readable")
    let before = -1
    await expect
      .poll(
        () => {
          const still = sent === before
          before = sent
          return still && sent > 0
        },
        { interval: 300, timeout: 30_000 },
      )
      .toBe(true)
    expect(sent).toBeLessThan(40_000_000)
    socket.destroy()
  })
})

describe("failover", () => {
  const failing: [string, FakeHost["answer"] | null][] = [
    ["refuses connections", null],
    ["answers 503", json(503, { error: "busy" })],
    ["answers 429", json(429, { error: "Too many requests" })],
    ["answers 500", json(500, { error: "x" })],
    ["answers 404", json(404, { error: "no router for requested model" })],
    ["answers 502 with nothing in it", (response) => void response.writeHead(502).end()],
    ["resets the connection", (response) => response.destroy()],
    ["ends a stream before its first event", stream([])],
    ["breaks a stream before its first event", stream([": ping\n\n"], "destroy")],
    ["says an error after loading", stream([loading("."), `{"src":"llama-swap","error":"failed to start"}`])],
    ["says an error as its first event", stream([`data: {"error":{"message":"oom"}}\n\n`])],
  ]
  it.each(failing)("goes to another host where one %s", async (_name, answer) => {
    const a = answer === null ? { url: refusesConnections } : await host(answer)
    const b = await host(stream([chunk("b"), done]))
    const world = await gateway({
      hosts: [
        fleetHost("a", a.url, ["m"]),
        fleetHost("b", b.url, { models: [fleetModel("m")], inflight_total: 5 }),
      ],
    })
    const reply = await world.post("/v1/chat/completions", streamed)
    const text = await reply.text()
    expect(reply.status).toBe(200)
    expect(text.endsWith(chunk("b") + done)).toBe(true)
    expect(text).not.toContain("error")
    expect(b.heard).toHaveLength(1)
    await expect.poll(() => world.ends[0]?.attempts).toBe(2)
  })

  it("passes loading on to the client, and goes on in the same stream when loading fails", async () => {
    const a = await host(
      stream([loading("loading m"), loading("."), `{"src":"llama-swap","error":"failed"}`]),
    )
    const b = await host(stream([chunk("b"), done]))
    const hosts = [
      fleetHost("a", a.url, ["m"]),
      fleetHost("b", b.url, { models: [fleetModel("m")], inflight_total: 5 }),
    ]
    const world = await gateway({ hosts })
    const reply = await world.post("/v1/chat/completions", streamed)
    expect(await reply.text()).toBe(loading("loading m") + loading(".") + chunk("b") + done)
  })

  it("never follows the first byte: a stream that breaks ends with an error event", async () => {
    const b = await host(stream([chunk("b"), done]))
    for (const end of ["end", "destroy"] as const) {
      const a = await host(stream([chunk("one")], end))
      const hosts = [
        fleetHost("a", a.url, ["m"]),
        fleetHost("b", b.url, { models: [fleetModel("m")], inflight_total: 5 }),
      ]
      const world = await gateway({ hosts })
      const text = await (await world.post("/v1/chat/completions", streamed)).text()
      expect(text.startsWith(chunk("one"))).toBe(true)
      const last = JSON.parse(text.slice(chunk("one").length).replace("data: ", ""))
      expect(last.error).toMatchObject({ code: "upstream_lost", type: "server_error" })
    }
    expect(b.heard).toEqual([])
  })

  it.each([
    [
      "/v1/messages",
      [`event: message_start\ndata: {"type":"message_start"}\n\n`],
      `event: error\ndata: {"type":"error"`,
    ],
    [
      "/v1/responses",
      [`event: response.created\ndata: {"type":"response.created"}\n\n`],
      `event: error\ndata: {"type":"error"`,
    ],
  ])("ends a cut stream of %s in its own words", async (path, pieces, words) => {
    const a = await host(stream(pieces))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    expect(await (await world.post(path, streamed)).text()).toContain(words)
  })

  it("lets the client see that an answer with a length is not whole", async () => {
    const a = await host((response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" })
      response.write(`{"half":`, () => setTimeout(() => response.destroy(), 20))
    })
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    await expect(world.post("/v1/chat/completions", chat).then((reply) => reply.text())).rejects.toThrow(
      "terminated",
    )
    await expect.poll(() => world.ends[0]?.outcome).toBe("failed")
  })

  it("gives the host's own words where every host failed by the request", async () => {
    const a = await host(json(500, { error: { message: "cannot parse grammar" } }))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"]), fleetHost("b", a.url, ["m"])] })
    for (let n = 0; n < 5; n++) {
      const reply = await world.post("/v1/chat/completions", chat)
      expect([reply.status, await reply.json()]).toEqual([
        500,
        { error: { message: "cannot parse grammar" } },
      ])
      expect(reply.headers.get("x-boo-attempts")).toBe("2")
    }
  })

  it("leaves a host that hangs as soon as it is known to be down", async () => {
    const a = await host(() => undefined)
    const b = await host(json(200, { from: "b" }))
    const busy = fleetHost("b", b.url, { models: [fleetModel("m")], inflight_total: 5 })
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"]), busy] })
    const reply = world.post("/v1/chat/completions", chat)
    await expect.poll(() => a.heard.length).toBe(1)
    world.hosts = [fleetHost("a", a.url, { models: [fleetModel("m")], liveness: "down" }), busy]
    expect(await (await reply).json()).toEqual({ from: "b" })
  })

  it("is asked to come back where everybody has too much to do", async () => {
    const busy = await host(json(429, { error: { message: "queue full" } }, { "retry-after": "7" }))
    const world = await gateway({
      hosts: [fleetHost("a", busy.url, ["m"]), fleetHost("b", busy.url, ["m"])],
    })
    const reply = await world.post("/v1/chat/completions", chat)
    expect([reply.status, reply.headers.get("retry-after")]).toEqual([429, "7"])
    expect((await said(reply)).error).toMatchObject({
      code: "full",
      message: expect.stringContaining("queue full"),
    })
    expect(busy.heard).toHaveLength(2)
  })

  it("does not touch a client's own mistake", async () => {
    const a = await host(json(400, { error: { message: "bad", code: 400 } }))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"]), fleetHost("b", a.url, ["m"])] })
    const reply = await world.post("/v1/chat/completions", chat)
    expect([reply.status, await reply.json()]).toEqual([400, { error: { message: "bad", code: 400 } }])
    expect(a.heard).toHaveLength(1)
  })

  it("keeps away from a host that says 503 at once", async () => {
    const a = await host(json(503, {}))
    const b = await host(json(200, { from: "b" }))
    const world = await gateway({
      hosts: [
        fleetHost("a", a.url, ["m"]),
        fleetHost("b", b.url, { models: [fleetModel("m")], inflight_total: 50 }),
      ],
    })
    for (let n = 0; n < 100; n++) expect((await world.post("/v1/chat/completions", chat)).status).toBe(200)
    expect(a.heard.length).toBeLessThanOrEqual(5)
  })
})

describe("what reaches no host", () => {
  const refusals: [string, object, number, string][] = [
    ["a name that nobody has", { model: "nobody" }, 404, "no_model"],
    ["a prefix that is no host", { model: "nowhere/m" }, 404, "no_model"],
    ["a host that has it not", { model: "a/other" }, 404, "no_model"],
    ["a disabled host", { model: "off/m2" }, 503, "gateway_error"],
    ["a model of a disabled host", { model: "m2" }, 503, "gateway_error"],
    ["a missing policy", { model: "auto:nothing" }, 404, "no_model"],
    ["a peer's model", { model: "peer/m3" }, 404, "no_model"],
    ["no model", { messages: [] }, 400, "no_model_named"],
    ["a model that is no text", { model: 7 }, 400, "no_model_named"],
  ]
  it.each(refusals)("%s", async (_name, asked, status, code) => {
    const a = await host(json(200, {}))
    const hosts = [
      fleetHost("a", a.url, { models: [fleetModel("m"), fleetModel("peer/m3", { peer: "peer" })] }),
      fleetHost("off", a.url, { models: [fleetModel("m2")], enabled: false, liveness: "down" }),
    ]
    const world = await gateway({ hosts })
    for (const path of ["/v1/chat/completions", "/v1/messages"]) {
      const reply = await world.post(path, asked)
      const body = await said(reply)
      expect([reply.status, body.error.code]).toEqual([status, code])
      expect(body.type).toBe(path === "/v1/messages" ? "error" : undefined)
    }
    expect(a.heard).toEqual([])
  })

  it("says of each candidate why it was passed over", async () => {
    const hosts = [
      fleetHost("a", refusesConnections, ["m"]),
      fleetHost("b", "x", { models: [fleetModel("m")], liveness: "down" }),
    ]
    const world = await gateway({ hosts })
    const { error } = await said(await world.post("/v1/chat/completions", chat))
    expect(error).toMatchObject({ code: "gateway_error", reason: "unhealthy" })
    expect(error.candidates).toEqual([
      { host: "a", model: "m", reason: "it failed this request" },
      { host: "b", model: "m", reason: "it is down" },
    ])
  })

  it.each([
    ["not JSON", "{", "not_json"],
    ["a list", "[]", "bad_request"],
    ["nested without end", `{"model":"m","x":${"[".repeat(100_000)}`, "too_deep"],
  ])("%s", async (_name, body, code) => {
    const world = await gateway({ hosts: [] })
    const reply = await world.post("/v1/chat/completions", body)
    expect([reply.status, (await said(reply)).error.code]).toEqual([400, code])
  })
})

describe("bad input", () => {
  it("of 100 MB is refused before it is read, or as soon as it is too much", async () => {
    const world = await gateway({ hosts: [] })
    const { port } = new URL(world.url)
    const told = httpRequest({
      port,
      method: "POST",
      path: "/v1/chat/completions",
      headers: { "content-length": 100 * 2 ** 20 },
    })
    told.on("error", () => undefined)
    told.flushHeaders()
    const [reply] = await once(told, "response")
    expect(reply.statusCode).toBe(413)
    told.destroy()
    const untold = httpRequest({ port, method: "POST", path: "/v1/chat/completions" })
    untold.on("error", () => undefined)
    const status = once(untold, "response").then(([{ statusCode }]) => statusCode as number)
    const piece = Buffer.alloc(1024 * 1024, 0x20)
    // What is written after the answer goes nowhere.
    for (let n = 0; n < 100; n++)
      if (!untold.write(piece)) await Promise.race([once(untold, "drain"), status])
    expect(await status).toBe(413)
    untold.destroy()
  }, 20_000)

  it("without a length is refused when it is too large, though it has begun to be passed on", async () => {
    const a = await host(json(200, {}))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const { port } = new URL(world.url)
    const untold = httpRequest({ port, method: "POST", path: "/v1/chat/completions" })
    untold.on("error", () => undefined)
    const reply = once(untold, "response").then(([{ statusCode }]) => statusCode as number)
    untold.write('{"model":"m","prompt":"')
    const piece = Buffer.alloc(1024 * 1024, "a")
    for (let n = 0; n < 70; n++) if (!untold.write(piece)) await Promise.race([once(untold, "drain"), reply])
    expect(await reply).toBe(413)
    untold.destroy()
    expect(a.heard).toEqual([])
    await expect
      .poll(() => world.ends.map(({ outcome, status }) => [outcome, status]))
      .toEqual([["refused", 413]])
    expect((await world.post("/v1/chat/completions", chat)).status).toBe(200)
  }, 20_000)

  it("that names a model with more words than a name has is refused", async () => {
    const world = await gateway({ hosts: [] })
    const reply = await world.post("/v1/chat/completions", { ...chat, model: "m".repeat(301) })
    expect([reply.status, (await said(reply)).error.code]).toEqual([400, "bad_model"])
  })

  it("with a bomb of headers is refused, and others are served", async () => {
    const a = await host(json(200, {}))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const bomb = connect(Number(new URL(world.url).port), "127.0.0.1")
    bomb.on("error", () => undefined)
    bomb.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${"x-a: b\r\n".repeat(100_000)}`)
    const [said] = await once(bomb, "data")
    expect(String(said)).toContain("431")
    expect((await world.post("/v1/chat/completions", chat)).status).toBe(200)
  })

  it.each([
    ["GET", "/v1/chat/completions", 405, "POST, OPTIONS"],
    ["POST", "/models", 405, "GET, HEAD, OPTIONS"],
    ["PUT", "/v1/audio/voices", 405, "GET, HEAD, POST, OPTIONS"],
    ["POST", "/v1/nothing", 404, null],
    ["GET", "/upstream/m/index.html", 404, null],
    ["DELETE", "/upstream/m/slots", 405, "GET, HEAD, OPTIONS"],
  ])("%s %s is %i in the shape of the API", async (method, path, status, allow) => {
    const world = await gateway({ hosts: [] })
    const reply = await fetch(world.url + path, { method })
    expect([reply.status, (await said(reply)).error.code]).toEqual([status, "not_served"])
    expect(reply.headers.get("allow")).toBe(allow)
  })
})

describe("a gateway that stops", () => {
  it("lets an answer that is nearly there be finished", async () => {
    const a = await host((response) => void setTimeout(() => response.end("{}"), 300))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const reply = world.post("/v1/chat/completions", chat)
    await expect.poll(() => a.heard.length).toBe(1)
    await world.gateway.stop()
    expect((await reply).status).toBe(200)
  })
})
