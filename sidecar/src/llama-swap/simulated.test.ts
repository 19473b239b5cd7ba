import { afterEach, describe, expect, it } from "vitest"
import { startSimulatedHost } from "../../../deploy/demo/src/index.ts"
import type { HostScenarioInput, SimulatedHost } from "../../../deploy/demo/src/index.ts"
import { manualClock } from "../platform/clock-manual.ts"
import { emptyMemory, identitiesOf, startRig } from "./test/rig.ts"
import type { Rig, RigOptions } from "./test/rig.ts"

const open: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop()
})

async function hostOf(changes: Partial<HostScenarioInput> = {}): Promise<SimulatedHost> {
  const host = await startSimulatedHost({
    host_id: "box",
    models: [
      { id: "small", load_s: 0.2, stop_s: 0.05, decode_tps: 2_000, prefill_tps: 50_000 },
      { id: "idle", load_s: 0.2, stop_s: 0.05, ttl_s: 600, decode_tps: 2_000, prefill_tps: 50_000 },
    ],
    ...changes,
  })
  open.push(host)
  return host
}

function rigOn(host: SimulatedHost, options: RigOptions = {}): Rig {
  const rig = startRig(host.url, options)
  open.push(rig)
  return rig
}

const ask = (host: SimulatedHost, changes: Record<string, unknown> = {}) =>
  host.control.request({ model: "small", source: "boochat", promptTokens: 40, outputTokens: 8, ...changes })

const connected = (rig: Rig) => rig.until("connected", () => rig.connector.status().liveness === "connected")

const ERAS: [string, Partial<HostScenarioInput>][] = [
  ["v235, rows in a ring", { era: "old" }],
  ["v250, which ignores min_id", { version: "v250" }],
  ["a build after v250", { era: "new" }],
  ["v250 with a store on disk", { version: "v250", persistent_store: true }],
]

describe.each(ERAS)("against %s", (_, era) => {
  it("takes the rows that are there and each that follows, once", async () => {
    const host = await hostOf(era)
    for (let count = 0; count < 5; count++) host.control.addRow({ model: "small" })
    const rig = rigOn(host)
    await rig.until("the rows before", () => rig.rows().length === 5)
    await ask(host)
    await ask(host)
    await rig.until("the rows after", () => rig.rows().length === 7)
    const ids = rig.rows().map(({ swap_entry_id: id }) => id)
    expect(ids).toEqual(host.control.rows().map(({ id }) => id))
    expect(new Set(rig.rows().map(({ swap_epoch: epoch }) => epoch)).size).toBe(1)
    expect(rig.rows().at(-1)).toMatchObject({ token_basis: "timings", output_tokens: 8 })
    expect(rig.notes("gap_suspected")).toEqual([])
    expect(rig.connector.rejected()).toBe(0)
  })

  it("adds nothing when a whole store is fetched again by a sidecar that lost its folder", async () => {
    const host = await hostOf(era)
    for (let count = 0; count < 20; count++) host.control.addRow({ model: "small", duration_ms: count })
    const memory = emptyMemory()
    const first = rigOn(host, { memory })
    await first.until("all rows", () => first.rows().length === 20)
    await first.stop()

    memory.cursor = null
    host.control.addRow({ model: "small" })
    const asked = rigOn(host, { memory })
    await asked.until("the new row", () => asked.rows().length === 1)
    expect(asked.notes("gap_suspected")).toEqual([])
    await asked.stop()

    memory.cursor = null
    memory.hubAnswers = false
    const alone = rigOn(host, { memory })
    await alone.until("all rows once more", () => alone.rows().length === 21)
    expect(identitiesOf([...first.rows(), ...asked.rows(), ...alone.rows()]).size).toBe(21)
    expect(alone.notes("gap_suspected")).toEqual([])
  })

  it("finds rows whose doorbells were lost", async () => {
    const host = await hostOf(era)
    const rig = rigOn(host)
    await connected(rig)
    await rig.until("models", () => rig.told.models.length > 0)
    host.control.dropNextEvents(1_000, era.era === "old" ? "metrics" : "activity")
    await ask(host)
    await rig.until("the row", () => rig.rows().length === 1)
    expect(rig.rows()[0]?.model).toBe("small")
  })

  it("shows a gap after a restart that it was not there for, and none over a store on disk", async () => {
    const host = await hostOf(era)
    const memory = emptyMemory()
    host.control.addRow({ model: "small", duration_ms: 5 })
    const before = rigOn(host, { memory })
    await before.until("the row", () => before.rows().length === 1)
    await before.stop()
    host.control.addRow({ model: "small", duration_ms: 6 })
    await host.control.restart({ downMs: 10 })
    host.control.addRow({ model: "small", duration_ms: 7 })
    memory.cursor = null
    const after = rigOn(host, { memory })
    await after.until("the row after", () => after.rows().some(({ duration_ms: duration }) => duration === 7))
    const kinds = after.told.notes.map(({ note }) => note).filter((note) => note !== "engine_connected")
    expect(kinds).toEqual(era.persistent_store ? [] : ["swap_restarted", "gap_suspected"])
    expect(after.rows().length).toBe(era.persistent_store ? 2 : 1)
  })

  it("claims no gap over a restart whose end it saw with nothing in flight", async () => {
    const host = await hostOf(era)
    const rig = rigOn(host)
    await ask(host)
    await rig.until("the row", () => rig.rows().length === 1 && rig.told.inflight.at(-1)?.total === 0)
    await host.control.restart({ downMs: 10 })
    await rig.until("connected again", () => rig.notes("engine_connected").length === 2)
    await ask(host)
    await rig.until("the row after", () => rig.rows().length === 2)
    expect(rig.notes("gap_suspected")).toEqual([])
    expect(rig.notes("swap_restarted").length).toBe(era.persistent_store ? 0 : 1)
  })

  it("claims what a stream may have kept to itself at its end, when it kept a row before", async () => {
    const host = await hostOf(era)
    const rig = rigOn(host, { speed: 100 })
    await ask(host)
    await rig.until("the row", () => rig.rows().length === 1 && rig.told.inflight.at(-1)?.total === 0)
    host.control.goSilent()
    host.control.addRow({ model: "small" })
    await rig.until("the row, by the safety timer", () => rig.rows().length === 2)
    await host.control.restart({ downMs: 10 })
    host.control.goSilent(false)
    await rig.until("connected again", () => rig.notes("engine_connected").length === 2)
    await ask(host)
    await rig.until("what came after", () => rig.rows().length === 3)
    expect(rig.notes("gap_suspected").length).toBe(era.persistent_store ? 0 : 1)
  })

  it("claims what a life in between may have held, which ended before it was connected to", async () => {
    const host = await hostOf(era)
    const clock = manualClock()
    const rig = rigOn(host, { clock })
    await ask(host)
    await rig.until("the row", () => rig.rows().length === 1)
    // Awake long enough for the time before the start to be forgotten.
    await clock.advance(4_000)
    expect(rig.told.inflight.at(-1)?.total).toBe(0)
    await host.control.restart()
    await rig.until("the end is seen", () => rig.connector.status().liveness === "reconnecting")
    await clock.advance(300)
    await rig.until("the life in between is seen", () => host.control.streams() === 1)
    await ask(host)
    await host.control.restart()
    await clock.advance(1_000)
    await rig.until("connected again", () => rig.notes("engine_connected").length === 2)
    await ask(host)
    await rig.until("the row after", () => rig.rows().length >= 2)
    expect(rig.notes("gap_suspected").length).toBe(era.persistent_store ? 0 : 1)
  })

  it("follows on over a reload, which forgets rows only in the old era", async () => {
    const host = await hostOf(era)
    const rig = rigOn(host)
    await ask(host)
    await rig.until("the row", () => rig.rows().length === 1 && rig.told.inflight.at(-1)?.total === 0)
    host.control.reload()
    await rig.until("connected again", () => rig.notes("engine_connected").length === 2)
    await ask(host)
    await rig.until("the row after", () => rig.rows().length === 2)
    const epochs = new Set(rig.rows().map(({ swap_epoch: epoch }) => epoch)).size
    expect(epochs).toBe(era.era === "old" ? 2 : 1)
    // On a busy machine the last reading may not be through when the stream ends: then nobody can say that it was all.
    const unsure = rig.notes("swap_restarted").filter(({ detail }) => detail["tailed"] !== true)
    expect(rig.notes("gap_suspected")).toHaveLength(unsure.length)
  })

  it("survives what no engine should send, and says so once per kind", async () => {
    const host = await hostOf(era)
    const rig = rigOn(host)
    await rig.until("models", () => rig.told.models.length > 0)
    for (let count = 0; count < 30; count++) host.control.sendRaw("event:message\ndata:{oops\n\n")
    host.control.sendRaw(Buffer.from([0xff, 0xfe, 0x0a]))
    host.control.sendRaw(`event:message\ndata:${JSON.stringify({ type: "weather", data: "{}" })}\n\n`)
    host.control.sendRaw(`event:message\ndata:${"x".repeat(10 * 1024 * 1024)}\n\n`)
    host.control.sendRaw("event:message\ndata:half")
    host.control.sendRaw("\n\n")
    await rig.until("all of it counted", () => rig.connector.rejected() >= 33)
    await ask(host)
    await rig.until("the row", () => rig.rows().length === 1)
    const kinds = rig.notes("input_rejected").map(({ detail }) => detail["kind"])
    expect(kinds.toSorted()).toEqual(["not_json", "not_utf8", "too_long", "unknown_type"])
    expect(rig.notes("engine_connected").length).toBe(1)
  })

  it("relays the log without the lines of its own reading, and not twice over a reconnect", async () => {
    const host = await hostOf(era)
    await ask(host)
    const rig = rigOn(host)
    host.control.log("hello from the engine\n", "upstream", "small")
    const lines = () => rig.told.logs.flatMap(({ lines: batch }) => batch)
    await rig.until("the line", () => lines().includes("hello from the engine"))
    host.control.closeStreams()
    await rig.until("connected again", () => rig.notes("engine_connected").length === 2)
    host.control.log("and again\n", "upstream", "small")
    await rig.until("the next line", () => lines().includes("and again"))
    expect(lines().filter((line) => line === "hello from the engine").length).toBe(1)
    expect(lines().filter((line) => line.includes("boocontrol-sidecar"))).toEqual([])
  })
})

it("is connected to again as soon as it is back, however long the next try is off", async () => {
  const host = await hostOf()
  const clock = manualClock()
  const rig = rigOn(host, { clock })
  await connected(rig)
  await host.control.refuseConnections(true)
  await rig.until("it is gone", () => rig.connector.status().liveness === "reconnecting")
  await clock.advance(1_000)
  await rig.until("a try failed", () => rig.connector.status().problem?.code === "ENGINE_UNREACHABLE")
  // The next is due in two seconds.
  await clock.advance(500)
  await host.control.refuseConnections(false)
  await clock.advance(250)
  await connected(rig)
  expect(rig.notes("engine_connected")).toHaveLength(2)
})

describe.each(ERAS)("captures of %s", (_, era) => {
  it("are read decoded, without secrets, and are gone once the engine dropped them", async () => {
    const host = await hostOf(era)
    const rig = rigOn(host)
    await connected(rig)
    const sent = await fetch(`${host.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: "Bearer sk-abc123def456",
        "x-boo-source": "boochat",
      },
      body: JSON.stringify({
        ...{ model: "small", max_tokens: 4, stream: true },
        messages: [{ role: "user", content: "my key is sk-abc123def456, is it warm?" }],
      }),
    })
    expect(await sent.text()).toContain("[DONE]")
    await rig.until("the row", () => rig.rows().length === 1)
    const [row] = rig.rows()
    expect(row?.has_capture).toBe(true)
    const capture = await rig.connector.capture(row?.swap_entry_id ?? -1)
    expect(capture?.req_path).toBe("/v1/chat/completions")
    expect(capture?.req_body).toMatchObject({ encoding: "text", cut: false })
    expect(capture?.req_body?.text).toContain("my key is [REDACTED], is it warm?")
    expect(capture?.resp_body?.text).toContain("data: [DONE]")
    expect(JSON.stringify(capture)).not.toContain("sk-abc123def456")
    host.control.dropCaptures()
    expect(await rig.connector.capture(row?.swap_entry_id ?? -1)).toBeNull()
  })
})

describe("logs of models", () => {
  it("say who wrote each line, from the first of a load on, and wake nobody", async () => {
    const host = await hostOf()
    const rig = rigOn(host)
    await connected(rig)
    await rig.until("the first list", () => rig.told.models.length > 0)
    await ask(host)
    host.control.log("mine\n", "upstream", "small")
    await ask(host, { model: "idle" })
    host.control.log("yours\n", "upstream", "idle")
    const of = (line: string) =>
      rig.told.logs
        .filter(({ lines }) => lines.some((one) => one.includes(line)))
        .map(({ source, model }) => [source, model])
    await rig.until("both", () => of("mine").length > 0 && of("yours").length > 0)
    expect(of("mine")).toEqual([["upstream", "small"]])
    expect(of("yours")).toEqual([["upstream", "idle"]])
    expect(of("loading model").toSorted()).toEqual([
      ["upstream", "idle"],
      ["upstream", "small"],
    ])
    expect(rig.told.logs.filter(({ source, model }) => source === "upstream" && !model)).toEqual([])
  })

  it("are read of running models only, and a model that is read goes when its time is over", async () => {
    const host = await hostOf({
      models: [
        { id: "brief", load_s: 0.1, stop_s: 0.05, ttl_s: 1, decode_tps: 2_000, prefill_tps: 50_000 },
        { id: "small", load_s: 0.1, stop_s: 0.05, decode_tps: 2_000, prefill_tps: 50_000 },
      ],
    })
    const rig = rigOn(host)
    await connected(rig)
    await ask(host, { model: "brief" })
    await rig.until("its lines", () => rig.told.logs.some(({ model }) => model === "brief"))
    await rig.until("its end", () => rig.stateOf("brief") === "stopped")
    expect(rig.told.logs.filter(({ model }) => model === "small")).toEqual([])
    expect(rig.stateOf("small")).toBe("stopped")
  })
})

describe("models", () => {
  it("are seen loading, ready, in use and unloaded, with what is known of each", async () => {
    const host = await hostOf()
    const rig = rigOn(host)
    await rig.until("the first list", () => rig.told.models.length > 0)
    await ask(host, { model: "idle" })
    await rig.until("an end of idle time", () =>
      Boolean(rig.told.models.at(-1)?.models.find(({ id }) => id === "idle")?.expires_at),
    )
    const reading = rig.told.models.at(-1)?.models.find(({ id }) => id === "idle")
    expect(reading).toMatchObject({ state: "ready", ttl_s: 600, error: null })
    expect(reading?.load_ms_typical).toBeGreaterThan(100)
    await rig.connector.actions.unload("idle")
    await rig.until("it is stopped", () => rig.stateOf("idle") === "stopped")
    const seen = rig.told.models
      .flatMap(({ transitions }) => transitions)
      .filter(({ model }) => model === "idle")
      .map(({ from, to }) => `${from}>${to}`)
    expect(seen.slice(0, 2)).toEqual(["stopped>starting", "starting>ready"])
    expect(seen.at(-1)).toBe("stopping>stopped")
  })

  it.each(ERAS.slice(0, 2))("are in error, with the reason, until the next load (%s)", async (_, era) => {
    const host = await hostOf(era)
    const rig = rigOn(host)
    await rig.until("the first list", () => rig.told.models.length > 0)
    host.control.failNextStart("small")
    await ask(host)
    await rig.until("the error", () => rig.stateOf("small") === "error")
    expect(rig.told.models.at(-1)?.models.find(({ id }) => id === "small")?.error).toMatch(
      /exited prematurely/,
    )
    await ask(host)
    await rig.until("ready", () => rig.stateOf("small") === "ready")
  })

  it("are loaded by the smallest request, which says where it comes from", async () => {
    const host = await hostOf()
    const rig = rigOn(host)
    await connected(rig)
    await rig.connector.actions.load("small", { kind: "chat", signal: AbortSignal.timeout(10_000) })
    await rig.until("the row", () => rig.rows().length === 1)
    expect(rig.rows()[0]).toMatchObject({ model: "small", source: "control-warm", output_tokens: 1 })
    await rig.until("ready", () => rig.stateOf("small") === "ready")
  })
})

describe("requests in flight", () => {
  it.each([
    ["old", ["hardware", "callers"]],
    ["new", []],
  ] as const)("tell what the %s era cannot say of them", async (era, lacks) => {
    const rig = rigOn(await hostOf({ era }))
    await rig.until("the first list", () => rig.told.inflight.length > 0)
    expect(rig.connector.status().lacks).toEqual(lacks)
  })

  it("are shown while they run, and give their row its caller", async () => {
    const host = await hostOf()
    const rig = rigOn(host)
    await connected(rig)
    await rig.until("the first list", () => rig.told.inflight.length > 0)
    await ask(host, { outputTokens: 400 })
    await rig.until("the row", () => rig.rows().length === 1)
    expect(rig.told.inflight.some(({ requests }) => requests?.[0]?.source === "boochat")).toBe(true)
    const callers = [
      ...rig.rows().map(({ source }) => source),
      ...rig.told.activity.flatMap(({ enrichments }) => enrichments ?? []).map(({ source }) => source),
    ]
    expect(callers).toContain("boochat")
  })

  it("are not cancelled when they are gone", async () => {
    const host = await hostOf()
    const rig = rigOn(host)
    await connected(rig)
    expect(await rig.connector.actions.cancel("999")).toBe(false)
  })
})

describe("when the engine cannot be asked", () => {
  it("names the setting of a wrong key, and is not connected", async () => {
    const host = await hostOf({ api_keys: ["right"] })
    const rig = rigOn(host, { apiKey: "wrong" })
    await rig.until("the problem", () => rig.connector.status().problem !== null)
    expect(rig.connector.status()).toMatchObject({
      liveness: "down",
      problem: { code: "ENGINE_UNAUTHORIZED" },
    })
    expect(rig.connector.status().problem?.message).toMatch(/LLAMA_SWAP_API_KEY/)
    const good = rigOn(host, { apiKey: "right" })
    await connected(good)
    expect(good.connector.status().problem).toBe(null)
  })

  it("says that nothing answers, goes down after six failures, and returns by itself", async () => {
    const host = await hostOf()
    const rig = rigOn(host, { speed: 200 })
    await rig.until("the first list", () => rig.told.models.length > 0)
    await host.control.refuseConnections(true)
    await rig.until("down", () => rig.connector.status().liveness === "down")
    expect(rig.connector.status().problem?.code).toBe("ENGINE_UNREACHABLE")
    expect(rig.told.models.at(-1)?.models.every(({ state }) => state === null)).toBe(true)
    expect(rig.told.inflight.at(-1)).toEqual({ requests: null, total: null })
    await host.control.refuseConnections(false)
    await connected(rig)
    expect(rig.connector.status().problem).toBe(null)
    expect(rig.notes("engine_down").length).toBe(1)
    await rig.until("states are known again", () => rig.stateOf("small") === "stopped")
  })

  it("stops at once, even while it waits for an answer", async () => {
    const host = await hostOf()
    host.control.stallResponses(true)
    const rig = rigOn(host, { speed: 0.01 })
    const started = performance.now()
    await rig.stop()
    await rig.stop()
    expect(performance.now() - started).toBeLessThan(8_000)
  })

  it("notices an engine that hangs with its stream open", async () => {
    const host = await hostOf()
    const rig = rigOn(host)
    await rig.until("the first list", () => rig.told.models.length > 0)
    host.control.goSilent()
    host.control.stallResponses(true)
    await rig.until("the stream is given up", () => rig.connector.status().liveness !== "connected")
    host.control.goSilent(false)
    host.control.stallResponses(false)
    await connected(rig)
  })

  it("takes silence alone for health", async () => {
    const host = await hostOf()
    const rig = rigOn(host, { speed: 100 })
    await rig.until("the first list", () => rig.told.models.length > 0)
    host.control.goSilent()
    host.control.addRow({ model: "small" })
    await rig.until("the row, by the safety timer", () => rig.rows().length === 1)
    expect(rig.told.statuses.filter(({ liveness }) => liveness !== "connected").length).toBeLessThanOrEqual(1)
    expect(rig.notes("engine_connected").length).toBe(1)
  })
})

describe("what the engine measured itself", () => {
  it("is given after a moment, and not at all where it is switched off", async () => {
    const host = await hostOf({ gpus: ["rtx-5090", "p104-100"], performance: { every_s: 1 } })
    const rig = rigOn(host)
    await connected(rig)
    const all = async () => (await rig.connector.samples(null)) ?? []
    await expect.poll(async () => (await all()).length, { timeout: 30_000 }).toBeGreaterThan(1)
    const samples = await all()
    expect(samples[0]).toMatchObject({ source: "llama-swap", backfilled: true })
    expect(samples.at(-1)?.gpu?.length).toBeGreaterThanOrEqual(1)
    const [first] = samples
    const later = await rig.connector.samples(first?.ts ?? null)
    expect(later?.every(({ ts }) => ts > (first?.ts ?? ""))).toBe(true)
    const off = rigOn(await hostOf({ performance: { enabled: false } }))
    expect(await off.connector.samples(null)).toBe(null)
  })
})
