import { EventEmitter } from "node:events"
import type { IncomingMessage, ServerResponse } from "node:http"
import { connect } from "node:net"
import type { Dispatcher } from "undici"
import { describe, expect, it, onTestFinished } from "vitest"
import { OpenAiError as ErrorReply } from "@boocontrol/shared/gateway"
import { Answer } from "./answer.ts"
import { Exchange } from "./exchange.ts"
import type { ExchangeEnd } from "./exchange.ts"
import type { Attempt } from "./ports.ts"
import {
  chat,
  chunk,
  done,
  fleetHost,
  gatewayForTest as gateway,
  hostForTest as host,
  json,
  streamed,
  usage,
} from "./world-for-tests.ts"

describe("the end of a request", () => {
  it("whose client leaves is cancelled at the host", async () => {
    const cut = Promise.withResolvers<void>()
    const a = await host((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(chunk("one"))
      response.on("close", () => cut.resolve())
    })
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const leaving = new AbortController()
    const reply = await fetch(`${world.url}/v1/chat/completions`, {
      ...{ method: "POST", body: JSON.stringify(streamed), signal: leaving.signal },
    })
    await reply.body?.getReader().read()
    leaving.abort()
    await cut.promise
    await expect.poll(() => world.ends[0]?.outcome).toBe("left")
  })

  it("whose client hangs up at the last event was answered, and counts in full", async () => {
    const a = await host((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(chunk("one") + usage + done)
    })
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const leaving = new AbortController()
    const reply = await fetch(`${world.url}/v1/chat/completions`, {
      ...{ method: "POST", body: JSON.stringify(streamed), signal: leaving.signal },
    })
    const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    while (!text.endsWith(done)) text += (await reader?.read())?.value ?? ""
    leaving.abort()
    await expect.poll(() => world.ends[0]?.outcome).toBe("answered")
    expect(world.ends[0]?.usage).toMatchObject({ promptTokens: 5, outputTokens: 2 })
  })

  it.each([
    ["a web page", 200, { "content-type": "Text/HTML; charset=utf-8" }, "it answered 200 with a web page"],
    ["a web page", 404, { "content-type": "text/html" }, "it answered 404 with a web page"],
    ["a redirect", 302, { location: "http://login.lan/" }, "it answered 302"],
    ["an account without money", 402, {}, "it answered 402"],
  ])("is answered elsewhere where a host has %s (%i) for it", async (_name, status, headers, words) => {
    const odd = await host((response) => response.writeHead(status, headers).end("<html>"))
    const good = await host(json(200, { ok: true }))
    const hosts = [fleetHost("a", odd.url, ["m"]), fleetHost("b", good.url, ["m"])]
    const world = await gateway({ hosts })
    const reply = await world.post("/v1/chat/completions", chat)
    expect([reply.status, await reply.json(), odd.heard.length]).toEqual([200, { ok: true }, 1])
    const alone = await gateway({ hosts: [fleetHost("a", odd.url, ["m"])] })
    const refused = await alone.post("/v1/chat/completions", chat)
    expect([refused.status, refused.headers.get("location")]).toEqual([503, null])
    expect(ErrorReply.parse(await refused.json()).error.message).toContain(words)
  })

  it("tells a stream by its type however that is spelled", async () => {
    const a = await host((response) => {
      response.writeHead(200, { "content-type": "Text/Event-Stream;charset=utf-8" }).end(chunk("one"))
    })
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    expect(await (await world.post("/v1/chat/completions", streamed)).text()).toContain("upstream_lost")
  })

  it("says how the last one failed where nobody is left to ask", async () => {
    const a = await host(json(401, { error: { message: "Authentication Fails" } }))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const reply = await world.post("/v1/chat/completions", chat)
    expect(reply.status).toBeGreaterThanOrEqual(500)
    expect(await reply.json()).toMatchObject({
      error: { message: expect.stringMatching(/^a: it answered 401: Authentication Fails\. /) },
    })
  })
})

it("refuses a request before its body has come, and the client's connection serves the next one", async () => {
  const world = await gateway({ hosts: [] })
  const socket = connect(Number(new URL(world.url).port), "127.0.0.1")
  onTestFinished(() => void socket.destroy())
  const heard: string[] = []
  socket.setEncoding("utf8").on("data", (text: string) => void heard.push(text))
  const form = `--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nnobody\r\n--x\r\n`
  const body = form.padEnd(4_000_000, "a")
  socket.write(
    "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=x\r\n" +
      `content-length: ${body.length}\r\n\r\n${body}`,
  )
  await expect.poll(() => heard.join("")).toContain("HTTP/1.1 404")
  socket.write("GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
  await expect.poll(() => heard.join(""), { timeout: 10_000 }).toContain("HTTP/1.1 200")
})

describe("a lease", () => {
  it.each([
    ["known here", () => true],
    ["of another hub", () => Promise.resolve(true)],
  ])("whose token is stale, %s, is refused, and no host hears of it", async (_what, isStale) => {
    const a = await host(json(200, {}))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])], isStale })
    const reply = await world.post("/v1/chat/completions", chat, { "x-boo-lease": "l-1;41" })
    expect([reply.status, ErrorReply.parse(await reply.json()).error.code]).toEqual([409, "lease_stale"])
    expect(a.heard).toEqual([])
  })

  it("whose token is good, or that is named without one, goes on", async () => {
    const a = await host(json(200, {}))
    const asked: unknown[] = []
    const isStale = (lease: unknown) => {
      asked.push(lease)
      return Promise.resolve(false)
    }
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])], isStale })
    for (const lease of ["l-1;42", "l-1"]) {
      const reply = await world.post("/v1/chat/completions", chat, { "x-boo-lease": lease })
      expect(reply.status).toBe(200)
    }
    expect(asked).toEqual([{ id: "l-1", token: 42 }])
  })
})

/** An answer in the middle, with a clock and a client that a test moves. */
function answering() {
  const at = { nowMs: 0 }
  const said: string[] = []
  const ends: ExchangeEnd[] = []
  const handlers: Dispatcher.DispatchHandler[] = []
  const client = Object.assign(new EventEmitter(), {
    ...{ headersSent: false, chunkedEncoding: false, writableNeedDrain: false, destroyed: false },
    writeHead: () => (client.headersSent = true),
    write: () => !client.writableNeedDrain,
    end: () => client,
    destroy: () => (client.destroyed = true),
  })
  const attempt = {
    ...{ kind: "attempt", host: "a", target: null, model: "m", baseUrl: "http://a", upstreamKey: null },
    ...{ dialect: "openai", price: null, firstByteMs: 600_000, overdue: () => 0 },
    responded: () => undefined,
    failed: ({ kind }: { kind: string }) => said.push(`failed: ${kind}`),
    finished: () => said.push("finished"),
    abandoned: () => said.push("abandoned"),
  } as unknown as Attempt
  const controller = { pause: () => undefined, resume: () => undefined, abort: () => said.push("aborted") }
  const head = Buffer.from("{}")
  const exchange = new Exchange(
    {
      now: () => at.nowMs,
      ended: (end) => ends.push(end),
      routing: { open: () => ({ policy: null, next: () => attempt, close: () => undefined }) } as never,
      pools: {
        dispatch: (_url: string, _options: unknown, handler: never) => handlers.push(handler),
      } as never,
      breakers: {
        ...{ trying: () => undefined, succeeded: () => undefined, undecided: () => said.push("undecided") },
        failed: () => said.push("counted"),
      } as never,
    },
    {
      startedMs: 0,
      endpoint: {
        ...{ does: "forward", kind: "speech", api: "openai", path: "/v1/audio/speech" },
        ...{ servedBy: "any", upstream: null },
      },
      request: { rawHeaders: [], method: "POST" } as unknown as IncomingMessage,
      answer: new Answer({
        ...{ api: "openai", kind: "speech", requestId: "r", standing: [] },
        response: client as unknown as ServerResponse,
      }),
      ask: { requestId: "r", source: "test" } as never,
      body: {
        ...{ head, rest: null, bytes: 2, model: "m", scanned: null },
        ...{ named: () => head, release: () => undefined },
      },
    },
  )
  exchange.start()
  const [handler] = handlers
  handler?.onRequestStart?.(controller as never, {})
  handler?.onResponseStart?.(controller as never, 200, { "content-type": "audio/mpeg" })
  return {
    ...{ client, said, ends },
    data: () => handler?.onResponseData?.(controller as never, Buffer.from("sound")),
    after(ms: number) {
      at.nowMs += ms
      exchange.tick(at.nowMs)
    },
  }
}

describe("an answer that takes its time", () => {
  it("goes on as long as something comes, whatever it is, and is given up when nothing does", () => {
    const { data, after, ends, said } = answering()
    for (let n = 0; n < 4; n++) {
      data()
      after(100_000)
    }
    expect(ends).toEqual([])
    after(100_000)
    expect([said, ends.map(({ outcome }) => outcome)]).toEqual([
      ["aborted", "counted", "failed: stalled"],
      ["failed"],
    ])
  })

  it("whose client takes nothing for two minutes ends, and nobody blames the host", () => {
    const { data, after, ends, said, client } = answering()
    client.writableNeedDrain = true
    data()
    after(121_000)
    expect([said, ends.map(({ outcome }) => outcome), client.destroyed]).toEqual([
      ["aborted", "undecided", "abandoned"],
      ["left"],
      true,
    ])
  })
})
