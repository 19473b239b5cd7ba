import { afterEach, describe, expect, it } from "vitest"
import { z } from "zod"
import { createVirtualClock, type VirtualClock } from "./clock.ts"
import { type SimulatedHost, startSimulatedHost } from "./host.ts"
import type { HostScenarioInput } from "./scenario.ts"

const MODEL = { id: "m", aliases: ["em"], ttl_s: 60, load_s: 3, prefill_tps: 1000, decode_tps: 100 }
const running: SimulatedHost[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((host) => host.stop()))
})

async function start(input: Partial<HostScenarioInput> = {}, clock?: VirtualClock) {
  const scenario = { host_id: "test", models: [MODEL], ready: ["m"], ...input }
  const host = await startSimulatedHost(scenario, clock ? { clock } : {})
  running.push(host)
  return host
}

const Frame = z.object({ type: z.string(), data: z.string() })

/** Reads the event stream; `take` resolves with the next message of a type. */
async function listenTo(host: SimulatedHost) {
  const response = await fetch(`${host.url}/api/events`)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  const messages: { type: string; value: unknown }[] = []
  let ended = false

  async function more(): Promise<boolean> {
    const { done, value } = await reader.read()
    if (done) ended = true
    text += value ?? ""
    const frames = text.split("\n\n")
    text = frames.pop() ?? ""
    for (const frame of frames) {
      const line = /^event:message\ndata:(.*)$/s.exec(frame)?.[1]
      if (line === undefined) continue
      const { type, data } = Frame.parse(JSON.parse(line))
      messages.push({ type, value: JSON.parse(data) })
    }
    return !ended
  }
  return {
    response,
    messages,
    text: () => text,
    more,
    ended: () => ended,
    async take(type: string): Promise<unknown> {
      for (;;) {
        const index = messages.findIndex((message) => message.type === type)
        if (index >= 0) return messages.splice(0, index + 1).at(-1)?.value
        if (!(await more())) throw new Error(`the stream ended before ${type}`)
      }
    },
  }
}

function ask(host: SimulatedHost, body: object, init: RequestInit = {}) {
  return fetch(`${host.url}/v1/chat/completions`, { method: "POST", body: JSON.stringify(body), ...init })
}

describe("the event stream", () => {
  it("has llama-swap's headers and no pings", async () => {
    const host = await start()
    const stream = await listenTo(host)
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream")
    expect(stream.response.headers.get("x-accel-buffering")).toBe("no")
    await stream.take("inflight")
    expect(stream.text()).toBe("")
  })

  it("rings for a row that can then be fetched", async () => {
    const host = await start({ version: "v250-5-g0bdb372" })
    const stream = await listenTo(host)
    await stream.take("inflight")
    host.control.addRow({ tokens: { output_tokens: -1 }, error_msg: "odd" })
    expect(await stream.take("activity")).toEqual({ id: 1 })
    const page = await (await fetch(`${host.url}/api/metrics/activity?min_id=1&order=asc`)).json()
    expect(page).toMatchObject({
      total: 1,
      data: [{ id: 1, error_msg: "odd", tokens: { output_tokens: -1 } }],
    })
    expect(JSON.stringify(page)).toMatch(/"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-07:00"/)
  })

  it("brings whole rows in the old era, and /api/metrics all of them from id 0", async () => {
    const host = await start({ era: "old" })
    host.control.addRow()
    const stream = await listenTo(host)
    expect(await stream.take("metrics")).toMatchObject([{ id: 0 }])
    host.control.addRow()
    expect(await stream.take("metrics")).toMatchObject([{ id: 1 }])
    const ring = await (await fetch(`${host.url}/api/metrics`)).json()
    expect(ring).toMatchObject([{ id: 0 }, { id: 1 }])
    expect((await fetch(`${host.url}/api/metrics/activity`)).status).toBe(404)
  })

  it("drops what it is told to drop, and says so in the proxy log", async () => {
    const host = await start()
    const stream = await listenTo(host)
    await stream.take("inflight")
    host.control.dropNextEvents(1, "activity")
    host.control.addRow()
    host.control.addRow()
    expect(await stream.take("logData")).toMatchObject({ data: expect.stringContaining("dropped message") })
    expect(await stream.take("activity")).toEqual({ id: 2 })
  })

  it("carries raw bytes, goes silent, and closes on a reload", async () => {
    const host = await start()
    const stream = await listenTo(host)
    await stream.take("inflight")
    host.control.sendRaw("data: half a fra")
    while (!stream.text().includes("half a fra")) await stream.more()
    host.control.goSilent()
    host.control.addRow()
    host.control.goSilent(false)
    host.control.sendRaw("\n\n")
    host.control.addRow()
    expect(await stream.take("activity")).toEqual({ id: 2 })
    host.control.reload()
    while (await stream.more());
    expect(stream.ended()).toBe(true)
  })

  it("shows requests of real clients with their headers", async () => {
    const host = await start()
    const stream = await listenTo(host)
    await stream.take("inflight")
    const headers = { "X-Boo-Source": "boochat", Authorization: "Bearer secret" }
    const answer = await ask(
      host,
      { model: "em", stream: true, max_tokens: 3, messages: ["hello"] },
      { headers },
    )
    expect(await stream.take("inflight")).toMatchObject({
      operation: "upsert",
      request: {
        id: "1",
        model: "m",
        req_headers: { "X-Boo-Source": "boochat", Authorization: "[REDACTED]" },
      },
    })
    const text = await answer.text()
    expect(text).toMatch(/"timings":\{"cache_n":0,.*\}\n\ndata: \[DONE\]\n\n$/)
    expect(await stream.take("activity")).toEqual({ id: 1 })
  })
})

describe("the listener", () => {
  it("refuses, and comes back at the same port", async () => {
    const host = await start()
    await host.control.refuseConnections(true)
    await expect(fetch(`${host.url}/health`)).rejects.toThrow("fetch failed")
    await fetch(`${host.controlUrl}/__sim/refuse-connections`, { method: "POST", body: '{"on":false}' })
    await expect
      .poll(() =>
        fetch(`${host.url}/health`).then(
          (answer) => answer.text(),
          () => "",
        ),
      )
      .toBe("OK")
  })

  it("stalls and answers later", async () => {
    const host = await start()
    host.control.stallResponses(true)
    let answered = false
    const answer = fetch(`${host.url}/health`).then((response) => {
      answered = true
      return response.text()
    })
    await fetch(`${host.controlUrl}/__sim/status`, { method: "POST" })
    expect(answered).toBe(false)
    host.control.stallResponses(false)
    expect(await answer).toBe("OK")
  })

  it("takes control verbs over HTTP and names them where one is unknown", async () => {
    const host = await start()
    const post = (verb: string, body: object) =>
      fetch(`${host.url}/__sim/${verb}`, { method: "POST", body: JSON.stringify(body) })
    expect(await (await post("add-row", { resp_status_code: 502 })).json()).toMatchObject({
      ok: true,
      result: { id: 1 },
    })
    expect(await (await post("status", {})).json()).toMatchObject({
      result: { rows: 1, states: { m: "ready" } },
    })
    expect((await post("crash", { model: "nope" })).status).toBe(400)
    expect(await (await post("explode", {})).json()).toMatchObject({
      error: expect.stringContaining("add-row"),
    })
  })

  it("tells the ledger of every row, those of earlier lives too, with the store it stood in", async () => {
    const told: string[] = []
    const simulated = await startSimulatedHost(
      { host_id: "ledger", models: [{ id: "m" }] },
      { ledger: ({ store, row }) => void told.push(`${store}:${row.id}`) },
    )
    simulated.control.addRow()
    await simulated.control.restart()
    simulated.control.addRow()
    simulated.control.addRow()
    await simulated.stop()
    expect(told).toEqual(["0:1", "1:1", "1:2"])
  })

  it("gives the ids of a new process after a restart", async () => {
    const host = await start()
    host.control.addRow()
    const before = z
      .object({ captured_at: z.string() })
      .parse(await (await fetch(`${host.url}/api/hardware`)).json())
    await host.control.restart()
    const after = z
      .object({ captured_at: z.string() })
      .parse(await (await fetch(`${host.url}/api/hardware`)).json())
    expect(after.captured_at).not.toBe(before.captured_at)
    expect(host.control.addRow().id).toBe(1)
    expect(host.control.states()).toEqual({ m: "stopped" })
  })
})

describe("keys", () => {
  const basic = (password: string) => `Basic ${Buffer.from(`me:${password}`).toString("base64")}`

  it.each<[string, Record<string, string>, number]>([
    ["/running", {}, 401],
    ["/health", {}, 200],
    ["/running", { Authorization: "Bearer k1" }, 200],
    ["/running", { "x-api-key": "k1" }, 200],
    ["/running", { Authorization: basic("k1") }, 200],
    ["/running", { Authorization: "Bearer wrong", "x-api-key": "k1" }, 401],
  ])("of %s with %o give %i", async (path, headers, status) => {
    const host = await start({ api_keys: ["k1"] })
    const answer = await fetch(host.url + path, { headers })
    const challenge = status === 401 ? 'Basic realm="llama-swap"' : null
    expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([status, challenge])
  })
})

describe("errors", () => {
  it.each([
    ["v250", { error: "no router for requested model", src: "llama-swap" }],
    [
      "v250-5-g0bdb372",
      {
        src: "llama-swap",
        error: {
          message: "no router for requested model",
          type: "invalid_request_error",
          param: null,
          code: "not_found",
        },
      },
    ],
  ])("of %s have its shape", async (version, body) => {
    const host = await start({ version })
    const answer = await ask(host, { model: "nope" })
    expect(answer.status).toBe(404)
    expect(await answer.json()).toEqual(body)
  })

  it("of Go's router are plain text", async () => {
    const host = await start()
    expect(await (await fetch(`${host.url}/nope`)).text()).toBe("404 page not found\n")
    const wrong = await fetch(`${host.url}/api/version`, { method: "POST" })
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD"])
  })
})

describe("captures", () => {
  const Capture = z.object({
    req_headers: z.record(z.string(), z.string()),
    req_body: z.string(),
    resp_body: z.string(),
  })
  const decode = (text: string) => Buffer.from(text, "base64").toString()
  const read = async (host: SimulatedHost, id: number) =>
    Capture.parse(await (await fetch(`${host.url}/api/captures/${id}`)).json())

  it("hold what a real client sent and was answered, word for word", async () => {
    const host = await start()
    const body = { model: "m", stream: true, max_tokens: 3, messages: [{ role: "user", content: "hello" }] }
    const answer = await (
      await ask(host, body, { headers: { "X-Request-Id": "r-1", "x-api-key": "secret" } })
    ).text()
    const capture = await read(host, 1)
    expect(decode(capture.req_body)).toBe(JSON.stringify(body))
    expect(decode(capture.resp_body)).toBe(answer)
    expect(capture.req_headers).toMatchObject({ "X-Request-Id": "r-1", "X-Api-Key": "[REDACTED]" })
  })

  it("make up as many words as a simulated client was answered", async () => {
    const host = await start()
    await host.control.request({ model: "m", source: "boochat", promptTokens: 40, outputTokens: 5 })
    const capture = await read(host, 1)
    expect(capture.req_headers["X-Boo-Source"]).toBe("boochat")
    expect(decode(capture.resp_body).match(/"content":" ?\w+"/g)?.length).toBe(5)
    expect(decode(capture.resp_body)).toContain('"predicted_n":5')
  })

  it("are 404 once they are gone, and the rows say so", async () => {
    const host = await start()
    host.control.addRow({ capture: { requestBody: '{"a":1}' } })
    const row = async (): Promise<unknown> => (await fetch(`${host.url}/api/metrics/activity`)).json()
    expect(await row()).toMatchObject({ data: [{ has_capture: true }] })
    host.control.dropCaptures()
    expect(await row()).toMatchObject({ data: [{ has_capture: false }] })
    expect((await fetch(`${host.url}/api/captures/1`)).status).toBe(404)
    expect((await fetch(`${host.url}/api/captures/abc`)).status).toBe(400)
  })
})

describe("samples", () => {
  const Page = z.object({
    sys_stats: z.array(z.unknown()).nullable(),
    gpu_stats: z.array(z.looseObject({ timestamp: z.string() })).nullable(),
  })

  it("are null before the first, then one per GPU with a time of its own", async () => {
    const clock = createVirtualClock()
    const host = await start({ gpus: ["rtx-3090", "rtx-3090"], performance: { drop_chance: 0 } }, clock)
    const read = async (query = "") =>
      Page.parse(await (await fetch(`${host.url}/api/performance${query}`)).json())
    expect(await read()).toEqual({ sys_stats: null, gpu_stats: null })
    await clock.advance(11_000)
    const { sys_stats: systems, gpu_stats: cards } = await read()
    expect([systems?.length, cards?.length]).toEqual([2, 4])
    expect(new Set(cards?.map((card) => card.timestamp)).size).toBe(4)
    const after = encodeURIComponent(cards?.at(1)?.timestamp ?? "")
    expect((await read(`?after=${after}`)).gpu_stats?.length).toBe(2)
    expect((await read("?after=2099-01-01T00:00:00Z")).gpu_stats).toEqual([])
    expect((await fetch(`${host.url}/api/performance?after=yesterday`)).status).toBe(400)
  })

  it("are 503 where they are switched off", async () => {
    const host = await start({ performance: { enabled: false } })
    const answer = await fetch(`${host.url}/api/performance`)
    expect([answer.status, await answer.json()]).toEqual([503, { enabled: false }])
  })
})

describe("a model's own server", () => {
  it("answers at the proxy of /running without counting as use, and not when it is unloaded", async () => {
    const clock = createVirtualClock()
    const host = await start({}, clock)
    const Running = z.object({ running: z.array(z.object({ proxy: z.string(), ttl: z.number() })) })
    const { running: list } = Running.parse(await (await fetch(`${host.url}/running`)).json())
    const proxy = list[0]?.proxy ?? ""
    await clock.advance(50_000)
    expect(await (await fetch(`${proxy}/slots`)).json()).toHaveLength(2)
    await clock.advance(13_000)
    expect(host.control.states()).toEqual({ m: "stopped" })
    await expect(fetch(`${proxy}/health`)).rejects.toThrow("fetch failed")
  })

  it("is loaded by /upstream/<model>/", async () => {
    const clock = createVirtualClock()
    const host = await start({ ready: [] }, clock)
    const answer = fetch(`${host.url}/upstream/em/props`)
    await expect.poll(() => host.control.states()).toEqual({ m: "starting" })
    await clock.advance(5000)
    expect(await (await answer).json()).toMatchObject({ total_slots: 2 })
  })
})
