import { once } from "node:events"
import { connect } from "node:net"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { RefusedData } from "@boocontrol/shared/hosts"
import { ErrorBody } from "@boocontrol/shared/errors"
import { Health, pageOf } from "@boocontrol/shared/http"
import { ModelEventRow } from "@boocontrol/shared/models"
import type { ActivityFrame, Frame, LogFrame, PerfFrame } from "@boocontrol/shared/frames"
import { subjects } from "@boocontrol/shared/subjects"
import { envelope, hostId, instance, model, presence, sample, uuid } from "../test/example-host.ts"
import { observed } from "./activity/samples-for-tests.ts"
import { newWorld, runHub } from "../test/running-hub.ts"
import type { RunningHub, World } from "../test/running-hub.ts"

const EventsPage = pageOf(ModelEventRow)

let world: World
let hub: RunningHub
beforeAll(async () => {
  world = await newWorld("app")
  hub = await runHub(world)
})
afterAll(async () => {
  await hub.stop()
  await world.end()
})

const isPerf = (frame: Frame): frame is PerfFrame => frame.type === "control_perf"
const isLog = (frame: Frame): frame is LogFrame => frame.type === "control_log"
const isActivity = (frame: Frame): frame is ActivityFrame => frame.type === "control_activity"
const ready = (host: string, seq: number) =>
  envelope("models", { models: [model("m", "ready")], transitions: [] }, { host, seq, atMs: Date.now() })

it("is healthy, and says who it is", async () => {
  const reply = await fetch(`${hub.url}/api/health`)
  expect([reply.status, Health.parse(await reply.json())]).toMatchObject([
    200,
    { ok: true, db: true, nats: true, hub_id: hub.app.fleet.hubId },
  ])
})

describe("a target that names the host, as clients write it that know proxies", () => {
  const ask = async (target: string, host = "ignored"): Promise<{ status: number; body: string }> => {
    const socket = connect(Number(new URL(hub.url).port), "127.0.0.1")
    let said = ""
    socket.on("data", (chunk: Buffer) => (said += chunk.toString()))
    socket.write(`GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    await once(socket, "close")
    return { status: Number(said.slice(9, 12)), body: said.slice(said.indexOf("\r\n\r\n") + 4) }
  }
  it.each([
    ["/v1/models?x=1", 200, '"object":"list"'],
    ["/v1/models/nobody", 404, "no_model"],
    ["/api/control/fleet", 200, '"hosts"'],
  ])("is served at %s as any other", async (path, status, words) => {
    const reply = await ask(hub.url + path)
    expect(reply.status).toBe(status)
    expect(reply.body).toContain(words)
  })

  it("is judged by the host that it names, and not by the header", async () => {
    const { host } = new URL(hub.url)
    const refused = await ask("http://elsewhere.example/v1/models", host)
    expect([refused.status, refused.body]).toEqual([403, expect.stringContaining("HOST_REFUSED")])
    for (const target of [`http://somebody@${host}/v1/models`, `ftp://${host}/v1/models`])
      expect((await ask(target, host)).status).toBe(404)
    expect((await ask(`HTTP://${host}`, host)).status).toBe(200)
    expect((await ask(`http://${host}?x`, host)).status).toBe(200)
  })
})

it.each([
  [
    "a bomb of headers",
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${"x-a: b\r\n".repeat(10_000)}`,
    "headers_too_large",
  ],
  ["what is no HTTP", "HELLO\r\n\r\n", "bad_request"],
])("answers %s in the words of the gateway, and closes", async (_what, text, code) => {
  const socket = connect(Number(new URL(hub.url).port), "127.0.0.1")
  socket.on("error", () => undefined)
  let said = ""
  socket.on("data", (chunk: Buffer) => (said += chunk.toString()))
  socket.write(text)
  await once(socket, "close")
  expect(said).toMatch(/^HTTP\/1\.1 4\d\d /)
  expect(JSON.parse(said.slice(said.indexOf("\r\n\r\n")))).toMatchObject({
    error: { type: "invalid_request_error", code },
  })
})

describe("a reader", () => {
  it("gets a snapshot, then each change with a seq of its own", async () => {
    const reader = await hub.reader()
    await reader.until(() => reader.copy().phase === "live", "a snapshot")
    world.say(envelope("presence", presence(), { host: "one", atMs: Date.now() }))
    world.say(ready("one", 1))
    await reader.until(() => reader.host("one")?.models[0]?.state === "ready", "a ready model")
    expect(reader.host("one")).toMatchObject({ liveness: "connected", engine_version: "v240" })
    const seqs = reader.frames.flatMap((frame) =>
      frame.type === "control_fleet" && frame.kind === "delta" && frame.provider_id === "one"
        ? [frame.seq]
        : [],
    )
    expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index))
    expect((await hub.fleet()).hosts.find((host) => host.provider_id === "one")?.models).toEqual(
      reader.host("one")?.models,
    )
  })

  it("on the other address gets the same", async () => {
    const reader = await hub.reader("/api/ws/control")
    await reader.until(() => reader.copy().hubId === hub.app.fleet.hubId, "a snapshot")
    expect(reader.frames[0]).toMatchObject({ type: "control_fleet", kind: "snapshot" })
  })

  it("gets samples and log lines of the hosts it asks for, and a tail of what went before", async () => {
    world.say(envelope("log", { source: "proxy", lines: ["before"] }, { host: "talks" }))
    const early = await hub.reader()
    await early.until(() => early.host("talks") !== undefined, "the host")
    const reader = await hub.reader()
    reader.send({ type: "subscribe", topics: ["fleet", "perf:*", "log:talks"] })
    expect((await reader.frame(isLog)).lines).toEqual(["before"])
    world.say(envelope("live", { sample: sample(Date.now()) }, { host: "talks" }))
    world.say(envelope("log", { source: "upstream", model: "m", lines: ["now"] }, { host: "talks" }))
    expect(await reader.frame(isPerf)).toMatchObject({
      provider_id: "talks",
      samples: [{ source: "nvidia-smi" }],
    })
    await reader.until(() => reader.frames.filter(isLog).some((frame) => frame.lines[0] === "now"), "a line")
    expect(early.frames.some((frame) => isPerf(frame) || isLog(frame))).toBe(false)
    const tail = await (await hub.get("/hosts/talks/logs?source=upstream")).json()
    expect(tail).toEqual({
      provider_id: "talks",
      batches: [{ source: "upstream", model: "m", lines: ["now"], at: expect.any(String) }],
    })
  })

  it("no longer gets what it no longer asks for, and a new snapshot when it comes back", async () => {
    const line = (text: string) =>
      world.say(envelope("log", { source: "proxy", lines: [text] }, { host: "quiet" }))
    const heard = (text: string) => (frame: Frame) => isLog(frame) && frame.lines.includes(text)
    line("before")
    const reader = await hub.reader()
    await reader.until(() => reader.host("quiet") !== undefined, "the host")
    reader.send({ type: "subscribe", topics: ["log:quiet"] })
    await reader.until(() => reader.frames.some(heard("before")), "what it asked for instead")
    const from = reader.frames.findIndex(heard("before"))
    world.say(ready("quiet", 1))
    line("after")
    await reader.until(() => reader.frames.some(heard("after")), "a line after the change")
    reader.send({ type: "subscribe", topics: ["fleet", "log:quiet"] })
    const ofFleet = () => reader.frames.slice(from).filter(({ type }) => type === "control_fleet")
    await reader.until(() => ofFleet().length > 0, "the fleet again")
    expect(ofFleet()[0]).toMatchObject({ type: "control_fleet", kind: "snapshot" })
    expect(reader.host("quiet")?.models[0]?.state).toBe("ready")
  })

  it("gets a host as a whole when it asks for it, and that it is gone when it is", async () => {
    world.say(envelope("presence", presence(), { host: "whole" }))
    const reader = await hub.reader()
    await reader.until(() => reader.host("whole")?.liveness === "connected", "the host")
    const from = reader.frames.length
    reader.send({ type: "resync", provider_id: "whole" })
    reader.send({ type: "resync", provider_id: "nowhere" })
    await reader.until(() => reader.frames.length >= from + 2, "two answers")
    expect(reader.frames.slice(from)).toMatchObject([
      { provider_id: "whole", full: true, patch: { provider_id: "whole", display_name: "whole" } },
      { provider_id: "nowhere", removed: true },
    ])
  })

  it("that sends nonsense is closed after a few times", async () => {
    const reader = await hub.reader()
    for (const frame of ["{", "[]", { type: "shout" }, { type: "subscribe", topics: ["everything"] }, "x"]) {
      reader.send(frame)
    }
    expect(await reader.closed).toBe(1008)
  })

  it("gets stored rows as soon as a hub has stored them", async () => {
    const reader = await hub.reader()
    const row = {
      ...{ swap_epoch: uuid(9), swap_entry_id: 1, ts: sample(Date.now()).ts, model: "m", req_path: null },
      ...{ status_code: 200, duration_ms: 12, cache_tokens: null, input_tokens: 3, prompt_tokens: 3 },
      ...{ uncached_tokens: null, token_basis: "usage" as const, output_tokens: 5, prompt_tps: null },
      ...{ gen_tps: null, draft_tokens: null, draft_accepted: null, error: null, has_capture: false },
      ...{ source: null, request_id: null, client_ip: null, user_agent: null, session_id: null },
      attribution: null,
    }
    const said = { ...{ v: 1, host: "busy", instance: instance(1), boot: uuid(8), seq: 1 }, at: row.ts }
    world.nc.publish(
      subjects.event(hostId("busy"), "activity"),
      JSON.stringify({ ...said, kind: "activity", data: { rows: [row] } }),
    )
    const frame = await reader.frame(isActivity)
    expect(frame).toMatchObject({ provider_id: "busy", rows: [{ model: "m", output_tokens: 5 }] })
    expect(frame.event_at).toBe(row.ts)
  })

  it("of either of two hubs gets each stored row once, whichever of them stored it", async () => {
    const other = await runHub(world)
    try {
      const readers = [await hub.reader(), await other.reader()]
      const entries = Array.from({ length: 20 }, (_, n) => n + 1)
      for (const entry of entries) {
        const row = observed({ swap_entry_id: entry })
        world.say(envelope("activity", { rows: [row] }, { host: "shared", seq: entry, atMs: Date.now() }))
        // One message a batch, so that both hubs get some.
        await world.nc.flush()
      }
      for (const reader of readers) {
        const seen = (): number[] =>
          reader.frames
            .filter(isActivity)
            .flatMap((frame) => (frame.provider_id === "shared" ? frame.rows : []))
            .map((row) => row.swap_entry_id)
            .sort((a, b) => a - b)
        await reader.until(() => seen().length >= entries.length, "every row")
        await world.nc.flush()
        expect(seen()).toEqual(entries)
      }
    } finally {
      await other.stop()
    }
  })
})

it("counts what makes no sense, and shows it on the host's card", async () => {
  world.say(envelope("presence", presence(), { host: "odd" }))
  const reader = await hub.reader()
  await reader.until(() => reader.host("odd") !== undefined, "the host")
  const newer = { ...envelope("presence", presence(), { host: "odd" }), v: 2 }
  world.nc.publish(subjects.event(hostId("odd"), "presence"), JSON.stringify(newer))
  await reader.until(() => reader.host("odd")?.rejected?.count === 1, "a rejected message")
  expect(reader.host("odd")?.rejected?.reason).toBe("presence: envelope version 2 is not 1")
})

it("tells the second of two sidecars that the first holds the id, and shows it", async () => {
  const told = world.nc.subscribe(subjects.refused(hostId("twins"), instance(2)), { max: 1 })
  await world.nc.flush()
  world.say(envelope("presence", presence(), { host: "twins", instance: 1 }))
  world.say(envelope("presence", presence({ sidecar_version: "9.9.9" }), { host: "twins", instance: 2 }))
  for await (const message of told) {
    expect(RefusedData.parse(message.json())).toMatchObject({ v: 1, holder: instance(1) })
  }
  const host = (await hub.fleet()).hosts.find(({ provider_id }) => provider_id === "twins")
  expect(host).toMatchObject({ sidecar_version: "0.1.0", twin: { instance: instance(2) } })
})

it("does not listen to a disabled host, and does again when it is enabled", async () => {
  const reader = await hub.reader()
  world.say(envelope("presence", presence(), { host: "off" }))
  await reader.until(() => reader.host("off")?.liveness === "connected", "the host")
  expect((await hub.send("PATCH", "/hosts/off", { enabled: false })).status).toBe(200)
  await reader.until(() => reader.host("off")?.enabled === false, "the host disabled")
  expect(reader.host("off")?.liveness).toBe("down")
  world.say(ready("off", 2))
  world.say(ready("on", 2))
  await reader.until(() => reader.host("on") !== undefined, "another host")
  expect(reader.host("off")?.models).toEqual([])
  await hub.send("PATCH", "/hosts/off", { enabled: true })
  world.say(ready("off", 3))
  await reader.until(() => reader.host("off")?.models.length === 1, "its models")
})

it("keeps favourites and hidden models, and tells every reader", async () => {
  world.say(envelope("presence", presence(), { host: "liked" }))
  world.say(ready("liked", 1))
  const readers = await Promise.all([hub.reader(), hub.reader()])
  await Promise.all(readers.map((one) => one.until(() => one.host("liked")?.models.length === 1, "a model")))
  const pref = { provider_id: "liked", model: "m", favorite: true }
  const saved = await hub.send("PUT", "/models/prefs", pref)
  expect(await saved.json()).toEqual({ ...pref, hidden: false })
  for (const one of readers) {
    await one.until(() => one.host("liked")?.models[0]?.favorite === true, "a favourite")
  }
  const wrong = await hub.send("PUT", "/models/prefs", { ...pref, model: "none" })
  expect([wrong.status, ErrorBody.parse(await wrong.json()).code]).toEqual([404, "MODEL_NOT_FOUND"])
  const models = await (await hub.get("/models?provider_id=liked")).json()
  expect(models).toMatchObject({ rows: [{ provider_id: "liked", id: "m", favorite: true }], next: null })
})

it("lists what models did and what a host noted, newest first, page by page", async () => {
  const told = (ms: number, to: "starting" | "ready") => ({
    ...{ model: "m", from: null, to, at: sample(ms).ts, reason: null },
  })
  const transitions = [told(1_000, "starting"), told(9_000, "ready")]
  const first = envelope("models", { models: [], transitions }, { host: "past", seq: 1 })
  const note = { note: "swap_restarted", ts: sample(5_000).ts, detail: { why: "update" } }
  const reader = await hub.reader()
  world.say(first)
  world.say(first)
  world.say(envelope("note", note, { host: "past", seq: 2 }))
  await reader.until(() => reader.host("past") !== undefined, "the host")
  const page = async (query: string) =>
    EventsPage.parse(await (await hub.get(`/model-events?provider_id=past&${query}`)).json())
  await expect.poll(async () => (await page("")).rows.length, { timeout: 30_000 }).toBe(3)
  const newest = await page("limit=2")
  expect(newest.rows).toMatchObject([
    { model: "m", state: "ready", ts: sample(9_000).ts },
    { model: "*", state: "swap_restarted", detail: { why: "update" } },
  ])
  expect(await page(`limit=2&cursor=${newest.next}`)).toMatchObject({
    ...{ rows: [{ state: "starting" }], next: null },
  })
  expect((await page("state=ready&state=swap_restarted")).rows.map(({ state }) => state)).toEqual([
    "ready",
    "swap_restarted",
  ])
  expect((await page("model=*&state=gap_suspected")).rows).toEqual([])
  const loss = { note: "spool_dropped", ts: sample(6_000).ts, detail: { reason: "no_room", count: 2 } }
  world.say(envelope("note", loss, { host: "past", seq: 3 }))
  await expect
    .poll(async () => (await page("model=*&state=gap_suspected&state=spool_dropped")).rows, {
      timeout: 30_000,
    })
    .toMatchObject([{ state: "spool_dropped", detail: { count: 2 } }])
  const refused = await hub.get("/model-events?cursor=nonsense")
  expect(ErrorBody.parse(await refused.json()).code).toBe("BAD_CURSOR")
})

it("announces changes to other tools, one hub of several", async () => {
  const other = await runHub(world)
  const heard: string[] = []
  world.nc.subscribe(subjects.hubOfTopic("fleet"), {
    callback: (_error, message) => void heard.push(message.subject),
  })
  await world.nc.flush()
  const readers = [await hub.reader(), await other.reader()]
  world.say(envelope("presence", presence(), { host: "told" }))
  for (const one of readers) await one.until(() => one.host("told")?.liveness === "connected", "the host")
  const told = () => heard.filter((subject) => subject.endsWith(".told")).length
  const deltasOf = ({ frames }: { frames: readonly Frame[] }) =>
    frames.filter(
      (frame) => frame.type === "control_fleet" && frame.kind === "delta" && frame.provider_id === "told",
    )
  // As often as the one that announces has shown it, whichever of the two that is.
  await vi.waitFor(async () => {
    await world.nc.flush()
    expect(told()).toBeGreaterThan(0)
    expect(readers.map((one) => deltasOf(one).length)).toContain(told())
  })
  await other.stop()
})
