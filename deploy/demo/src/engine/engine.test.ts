import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../clock.ts"
import { createRandom } from "../random.ts"
import { HostScenario, type HostScenarioInput } from "../scenario.ts"
import { sendSimulatedRequest, type SimulatedRequest } from "./client.ts"
import { createEngine } from "./engine.ts"

const MODEL = { vram_mib: [1000], load_s: 4, stop_s: 0.5, prefill_tps: 1000, decode_tps: 50 }

function setUp(input: Partial<HostScenarioInput> = {}) {
  const clock = createVirtualClock()
  const scenario = HostScenario.parse({
    host_id: "test",
    models: [
      { id: "a", ...MODEL },
      { id: "b", ...MODEL },
    ],
    ...input,
  })
  const engine = createEngine({ scenario, clock, random: createRandom(1) })
  const transitions: string[] = []
  const seen = new Map<string, string>()
  engine.bus.on((event) => {
    if (event.kind !== "models") return
    for (const { model, state } of engine.processes.values()) {
      if ((seen.get(model.id) ?? "stopped") === state) continue
      seen.set(model.id, state)
      transitions.push(`${model.id}:${state}`)
    }
  })
  engine.start()
  const ask = (model: string, request: Partial<SimulatedRequest> = {}) =>
    sendSimulatedRequest({
      engine,
      clock,
      request: { model, promptTokens: 100, outputTokens: 50, ...request },
    })
  return { clock, engine, transitions, ask, rows: () => engine.activity().rows() }
}

describe("model states", () => {
  it("load for a request, and swap: the old one goes before the new one comes", async () => {
    const { clock, transitions, ask } = setUp()
    const first = ask("a")
    await clock.advance(10_000)
    const second = ask("b")
    await clock.advance(10_000)
    expect([(await first).status, (await second).status]).toEqual([200, 200])
    expect(transitions).toEqual(["a:starting", "a:ready", "a:stopping", "a:stopped", "b:starting", "b:ready"])
  })

  it("stay together in a group that does not swap", async () => {
    const { clock, transitions, ask } = setUp({ groups: [{ id: "g", swap: false, members: ["a", "b"] }] })
    void ask("a")
    void ask("b")
    await clock.advance(10_000)
    expect(transitions).toEqual(["a:starting", "b:starting", expect.any(String), expect.any(String)])
    expect(transitions.slice(2).toSorted()).toEqual(["a:ready", "b:ready"])
  })

  it("serve A A B B when asked A B A B", async () => {
    const { clock, ask, rows } = setUp()
    const answers = [ask("a"), ask("b"), ask("a"), ask("b")]
    await clock.advance(30_000)
    await Promise.all(answers)
    expect(rows().map((row) => row.model)).toEqual(["a", "a", "b", "b"])
  })

  it("unload after their TTL, counted from the end of the last request", async () => {
    const { clock, engine, transitions, ask } = setUp({ models: [{ id: "a", ...MODEL, ttl_s: 20 }] })
    const answer = ask("a")
    await clock.advance(8000)
    const endedAt = 8000 - (clock.now() - (engine.processes.get("a")?.lastRequestEndedAt ?? 0))
    await answer
    await clock.advance(endedAt + 20_000 - 8000 - 100)
    expect(transitions.at(-1)).toBe("a:ready")
    await clock.advance(2000)
    expect(transitions.slice(2)).toEqual(["a:stopping", "a:stopped"])
  })

  it("do not come back from a failed start until somebody asks again", async () => {
    const { clock, engine, transitions, ask, rows } = setUp()
    engine.processes.get("a")!.failNextStart = true
    const answer = ask("a")
    await clock.advance(60_000)
    expect((await answer).status).toBe(500)
    expect(transitions).toEqual(["a:starting", "a:stopped"])
    expect(rows()[0]).toMatchObject({
      resp_status_code: 500,
      error_msg: "unspecific error: upstream command exited prematurely",
    })
    expect(rows()[0]).not.toHaveProperty("metadata")
  })

  it("end a running stream without its terminator when the process crashes", async () => {
    const { clock, engine, ask, rows } = setUp({ ready: ["a"] })
    const answer = ask("a", { outputTokens: 500, keepText: true })
    await clock.advance(2000)
    engine.processes.get("a")?.crash()
    await clock.advance(10)
    const { status, text } = await answer
    expect(status).toBe(200)
    expect(text).toContain("chat.completion.chunk")
    expect(text).not.toContain("[DONE]")
    expect(rows()[0]?.tokens.output_tokens).toBe(0)
  })

  it("keep a busy model silent for ten seconds when it is unloaded, then cut its stream", async () => {
    const { clock, engine, transitions, ask } = setUp({ ready: ["a"] })
    const answer = ask("a", { outputTokens: 200 })
    await clock.advance(1000)
    void engine.unload(["a"])
    const bytes = engine.inflight.snapshot()[0]?.resp_bytes
    await clock.advance(9000)
    expect(transitions.at(-1)).toBe("a:stopping")
    expect(engine.inflight.snapshot()[0]?.resp_bytes).toBe(bytes)
    await clock.advance(1200)
    expect(transitions.at(-1)).toBe("a:stopped")
    expect(await answer).toMatchObject({ status: 200, durationMs: 11_000 })
  })

  it("tell whoever waits for a model that is unloaded meanwhile", async () => {
    const { clock, engine, ask, rows } = setUp()
    const answer = ask("a")
    await clock.advance(1000)
    void engine.unload(null)
    await clock.advance(10)
    expect((await answer).status).toBe(500)
    expect(rows()[0]?.error_msg).toBe("unspecific error: group: model unloaded")
  })
})

describe("rows", () => {
  it("count the prompt without the cache where there are timings", async () => {
    const { clock, ask, rows } = setUp({ ready: ["a"] })
    for (const promptTokens of [100, 180]) {
      const answer = ask("a", { promptTokens, outputTokens: 20, session: "s" })
      await clock.advance(5000)
      await answer
    }
    expect(rows().map((row) => [row.tokens.cache_tokens, row.tokens.input_tokens])).toEqual([
      [0, 100],
      [120, 60],
    ])
    expect(rows()[0]?.tokens).toMatchObject({ draft_tokens: -1, output_tokens: 20 })
  })

  it("count the whole prompt, and nothing else, where there is only usage", async () => {
    const { clock, ask, rows } = setUp({ models: [{ id: "a", ...MODEL, reports: "usage" }], ready: ["a"] })
    for (const request of [{ stream: false }, { stream: true, includeUsage: true }, { stream: true }]) {
      const answer = ask("a", { promptTokens: 100, outputTokens: 10, session: "s", ...request })
      await clock.advance(5000)
      await answer
    }
    expect(rows().map((row) => [row.tokens.input_tokens, row.tokens.tokens_per_second])).toEqual([
      [100, -1],
      [100, -1],
      [0, 0],
    ])
  })

  it("look fine, but empty, after an abort in the stream and in the queue", async () => {
    const { clock, ask, rows } = setUp()
    const answers = [ask("a", { abortAfterMs: 1000 }), ask("b", { abortAfterMs: 500 })]
    await clock.advance(20_000)
    await Promise.all(answers)
    for (const row of rows()) {
      expect(row).toMatchObject({ resp_status_code: 200, has_capture: false, resp_content_type: "" })
      expect(Object.values(row.tokens)).toEqual([0, 0, 0, 0, 0, 0, 0])
      expect(row).not.toHaveProperty("error_msg")
    }
    expect(rows().length).toBe(2)
  })

  it("say 429 at once beyond the limit", async () => {
    const { clock, ask, rows } = setUp({ models: [{ id: "a", ...MODEL, concurrency_limit: 1 }] })
    const answers = [ask("a"), ask("a")]
    await clock.advance(10_000)
    const [served, refused] = await Promise.all(answers)
    expect([served?.status, refused?.status]).toEqual([200, 429])
    expect(refused?.headers["Retry-After"]).toBe("1")
    expect(rows()[0]).toMatchObject({ resp_status_code: 429, error_msg: "Too many requests", duration_ms: 0 })
  })

  it("keep whatever an unknown model was called", async () => {
    const { clock, ask, rows } = setUp()
    const answer = ask("gpt-9")
    await clock.advance(10)
    expect((await answer).status).toBe(404)
    expect(rows()[0]).toMatchObject({ model: "gpt-9", error_msg: "no router for requested model" })
  })

  it.each([
    [{ era: "new" as const }, [1]],
    [{ era: "new" as const, persistent_store: true }, [1, 2]],
    [{ era: "old" as const }, [0]],
  ])("start again after a restart unless they are on disk: %o", async (input, expected) => {
    const { clock, engine, ask, rows } = setUp({ ...input, ready: ["a"] })
    for (const step of [0, 1]) {
      if (step === 1) engine.restart()
      const answer = ask("a")
      await clock.advance(10_000)
      await answer
    }
    expect(rows().map((row) => row.id)).toEqual(expected)
  })

  it("of a request that a reload met belong to the old numbering, in the old era", async () => {
    const { clock, engine, ask, rows } = setUp({ era: "old", ready: ["a"] })
    const heard: number[] = []
    engine.bus.on((event) => void (event.kind === "activity" && heard.push(event.row.id)))
    for (const outputTokens of [10, 5000]) {
      void ask("a", { outputTokens })
      await clock.advance(3000)
    }
    engine.reload()
    await clock.advance(31_000)
    expect(heard).toEqual([0, 1])
    expect(rows()).toEqual([])
  })

  it("are not written by a process that was killed", async () => {
    const { clock, engine, ask, rows } = setUp({ ready: ["a"] })
    void ask("a", { outputTokens: 5000 })
    await clock.advance(1000)
    engine.restart()
    await clock.advance(1000)
    expect(rows()).toEqual([])
  })

  it("show the 502 of a closing connection without a duration, and the next request is fine", async () => {
    const { clock, engine, ask, rows } = setUp({ ready: ["a"] })
    engine.processes.get("a")!.failNextRequest = true
    for (const status of [502, 200]) {
      const answer = ask("a")
      await clock.advance(5000)
      expect((await answer).status).toBe(status)
    }
    expect(rows()[0]).toMatchObject({ error_msg: "502 Bad Gateway", duration_ms: 0, has_capture: true })
  })

  it("of a failed load behind a loading stream show only in their content type", async () => {
    const model = { id: "a", ...MODEL, send_loading_state: true }
    const { clock, engine, ask, rows } = setUp({ models: [model], version: "v250" })
    engine.processes.get("a")!.failNextStart = true
    const answer = ask("a", { keepText: true })
    await clock.advance(10_000)
    const { status, text } = await answer
    expect(status).toBe(200)
    expect(text).toMatch(
      /\n\n\{"error":"unspecific error: upstream command exited prematurely","src":"llama-swap"\}$/,
    )
    expect(rows()[0]).toMatchObject({ resp_status_code: 200, resp_content_type: "application/json" })
    expect(rows()[0]).not.toHaveProperty("error_msg")
  })

  it("survive a reload, which forgets captures and in-flight ids", async () => {
    const { clock, engine, ask, rows } = setUp({ ready: ["a"] })
    const answer = ask("a")
    await clock.advance(10_000)
    await answer
    expect(engine.captures.has(1)).toBe(true)
    engine.reload()
    await clock.advance(10_000)
    expect(rows().length).toBe(1)
    expect(engine.captures.has(1)).toBe(false)
    expect(engine.processes.get("a")?.state).toBe("stopped")
  })
})
