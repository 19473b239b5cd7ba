import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { NOW, aHost, aModel } from "../../test/examples.ts"
import { hueOf, inflightWords, loadWords, modelFacts, modelLines, stateWords, ttlFraction } from "./models.ts"

const flight = (model: string, phase: "waiting" | "answering") => ({
  id: `${model}${phase}`,
  started_at: null,
  model,
  req_path: null,
  method: null,
  phase,
  resp_bytes: null,
  headers: {},
  source: null,
  request_id: null,
  client_ip: null,
  user_agent: null,
  session_id: null,
})

describe("the state of a model in words", () => {
  const inMinutes = (minutes: number) => instantOf(NOW + minutes * 60_000)
  it.each([
    ["ready with time left", { state: "ready", expires_at: inMinutes(12) }, [], "ok", "ready · 12m left"],
    ["ready past its time", { state: "ready", expires_at: inMinutes(-1) }, [], "ok", "ready · unloads now"],
    [
      "ready, answering",
      { state: "ready", expires_at: inMinutes(12) },
      [flight("m", "answering")],
      "ok",
      "ready · in use",
    ],
    ["ready for ever", { state: "ready", ttl_s: 0 }, [], "ok", "ready · stays"],
    ["ready, idle time unknown", { state: "ready", ttl_s: null }, [], "ok", "ready · idle"],
    ["starting", { state: "starting" }, [], "warn", "starting"],
    [
      "starting, waited for",
      { state: "starting" },
      [flight("m", "waiting"), flight("m", "waiting")],
      "warn",
      "starting · 2 waiting",
    ],
    ["stopping", { state: "stopping" }, [], "warn", "unloading"],
    ["stopped", { state: "stopped" }, [], "idle", "not loaded"],
    ["failed", { state: "error", error: "out of memory" }, [], "bad", "failed to load"],
  ] as const)("%s", (_name, given, inflight, tone, text) => {
    const model = aModel({ id: "m", ...given })
    expect(stateWords(model, aHost({ models: [model], inflight }), NOW)).toMatchObject({ tone, text })
  })

  it("is unknown since the host was last heard, not stopped", () => {
    const model = aModel({ id: "m", state: null })
    const words = stateWords(model, aHost({ last_seen_at: instantOf(NOW - 60_000) }), NOW)
    expect(words).toMatchObject({ tone: "unknown" })
    expect(words.text).toMatch(/^unknown since \d\d:59$/)
    expect(stateWords(model, aHost({ last_seen_at: null }), NOW).text).toBe("never heard")
  })

  it("tells why it failed", () => {
    const model = aModel({ id: "m", state: "error", error: "out of memory" })
    expect(stateWords(model, aHost(), NOW).title).toBe("out of memory")
  })
})

describe("how long a load takes", () => {
  it.each([
    [6000, 9000, "6 s of about 9"],
    [6900, null, "6 s"],
    [13_000, 9000, "13 s, usually about 9"],
  ])("%i ms of %j", (elapsed, typical, text) => {
    const model = aModel({
      id: "m",
      state: "starting",
      state_since: instantOf(NOW - elapsed),
      load_ms_typical: typical,
    })
    expect(loadWords(model, NOW)).toBe(text)
  })

  it("is not said where the change itself was not seen", () => {
    expect(loadWords(aModel({ id: "m", state: "starting" }), NOW)).toBeNull()
  })
})

describe("the ring of a model", () => {
  it.each([
    ["half", { state: "ready", ttl_s: 600, expires_at: instantOf(NOW + 300_000) }, 0.5],
    ["over", { state: "ready", ttl_s: 600, expires_at: instantOf(NOW - 1) }, 0],
    ["in use: whole", { state: "ready", ttl_s: 600 }, 1],
    ["for ever: whole", { state: "ready", ttl_s: 0 }, 1],
    ["idle time unknown: none", { state: "ready", ttl_s: null }, null],
    ["not loaded: none", { state: "stopped", ttl_s: 600 }, null],
  ] as const)("%s", (_name, given, fraction) => {
    expect(ttlFraction(aModel({ id: "m", ...given }), NOW)).toBe(fraction)
  })
})

describe("the models of a card", () => {
  const models = [
    aModel({ id: "a" }),
    aModel({ id: "b", hidden: true }),
    aModel({ id: "c", favorite: true }),
    aModel({ id: "d", state: "ready" }),
    aModel({ id: "e", peer: "other" }),
  ]
  const ids = (capacity: number, showHidden = false) => {
    const lines = modelLines(aHost({ models }), { capacity, showHidden })
    return [lines.lines.map(({ model }) => model.id).join(""), lines.more, lines.hidden]
  }

  it("puts favourites first and otherwise keeps the host's order, without hidden ones and peers' ones", () => {
    expect(ids(4)).toEqual(["cad", 0, 1])
  })

  it("shows hidden ones when asked", () => expect(ids(4, true)).toEqual(["cabd", 0, 0]))

  it("never leaves out a loaded one for one that is not", () => expect(ids(1)).toEqual(["d", 2, 1]))

  it("gives a model the same hue wherever it is drawn", () => {
    const host = aHost({ models })
    expect([hueOf(host, "a"), hueOf(host, "d")]).toEqual(["var(--m1)", "var(--m4)"])
  })

  it("says what is known of a model and no more", () => {
    expect(modelFacts({ quant: "Q4_K_M", context_length: 65_536 })).toBe("Q4_K_M · 64k")
    expect(modelFacts({ quant: null, context_length: null })).toBe("")
    expect(inflightWords({ waiting: 1, answering: 2 })).toBe("3 requests in flight, 1 waiting")
  })
})
