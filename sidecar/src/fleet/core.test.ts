import type { ModelTransition } from "@boocontrol/shared/models"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import {
  applyList,
  applyReason,
  applyRequestEnd,
  applyRunning,
  EMPTY_FLEET,
  REASON_WAIT_MS,
  settle,
} from "./core.ts"
import type { Fleet, FleetStep } from "./core.ts"
import type { ListedModel } from "./ports.ts"
import { median, readingsOf } from "./view.ts"
import type { Surroundings } from "./view.ts"

const model = (id: string, state: ListedModel["state"], changes: Partial<ListedModel> = {}): ListedModel => ({
  id,
  name: null,
  description: null,
  aliases: [],
  state,
  context_length: null,
  unlisted: false,
  peer: null,
  capabilities: [],
  ...changes,
})
const around: Surroundings = {
  busy: new Set(),
  processes: [],
  loadDelta: new Map(),
  contextLengths: new Map(),
  instances: new Map(),
  heard: true,
}

type Told = ListedModel["state"] | { reason: string } | { wait: number }

/** Plays lists of one model, one per second; a reason or a wait comes 100 ms after the list before it. */
function play(
  told: readonly Told[],
  live = true,
): { fleet: Fleet; said: string[]; transitions: ModelTransition[] } {
  let fleet = EMPTY_FLEET
  let nowMs = 0
  const transitions: ModelTransition[] = []
  const take = (step: FleetStep) => {
    fleet = step.fleet
    transitions.push(...step.transitions)
  }
  for (const [index, one] of told.entries()) {
    if (one !== null && typeof one === "object") {
      nowMs += "wait" in one ? one.wait : 100
      take("wait" in one ? settle(fleet, nowMs) : applyReason(fleet, { model: "m", text: one.reason }, nowMs))
    } else {
      nowMs = Math.ceil((nowMs + 1) / 1000) * 1000
      take(applyList(fleet, [model("m", one)], { nowMs, live: live && index > 0 }))
    }
  }
  return { fleet, said: transitions.map(({ from, to }) => `${from}>${to}`), transitions }
}
const stateOf = (fleet: Fleet) => readingsOf([...fleet.models.values()], around)[0]

describe("states of a model", () => {
  it.each<[string, Told[], string | null, string[]]>([
    ["first seen: no transition", ["ready"], "ready", []],
    ["a load", ["stopped", "starting", "ready"], "ready", ["stopped>starting", "starting>ready"]],
    ["the same list twice", ["stopped", "starting", "starting"], "starting", ["stopped>starting"]],
    ["a crash", ["ready", "stopped"], "stopped", ["ready>stopped"]],
    [
      "a failed start, its reason after the list",
      ["stopped", "starting", "stopped", { reason: "exited" }],
      "error",
      ["stopped>starting", "starting>error"],
    ],
    [
      "a failed start, its reason before the list",
      ["stopped", "starting", { reason: "exited" }, "stopped"],
      "error",
      ["stopped>starting", "starting>error"],
    ],
    [
      "a failed start that waits for its reason",
      ["stopped", "starting", "stopped"],
      "starting",
      ["stopped>starting"],
    ],
    [
      "a failed start without a reason",
      ["stopped", "starting", "stopped", { wait: REASON_WAIT_MS }],
      "error",
      ["stopped>starting", "starting>error"],
    ],
    [
      "an unload while it was starting",
      ["stopped", "starting", "stopped", { reason: "aborted" }],
      "stopped",
      ["stopped>starting", "starting>stopped"],
    ],
    [
      "error until the next load",
      ["stopped", "starting", "stopped", { reason: "exited" }, "stopped"],
      "error",
      ["stopped>starting", "starting>error"],
    ],
    [
      "the next load",
      ["stopped", "starting", "stopped", { reason: "exited" }, "starting"],
      "starting",
      ["stopped>starting", "starting>error", "error>starting"],
    ],
    [
      "started again before its reason came",
      ["stopped", "starting", "stopped", "starting"],
      "starting",
      ["stopped>starting", "starting>error", "error>starting"],
    ],
    ["a failure too fast for any list", ["stopped", { reason: "exited" }], "error", ["starting>error"]],
    ["a state nobody knows", ["ready", null], null, []],
  ])("%s", (_, told, state, said) => {
    const played = play(told)
    expect(stateOf(played.fleet)?.state).toBe(state)
    expect(played.said).toEqual(said)
  })

  it("carry the reason of an error, and lose it with the next load", () => {
    const failed = play(["stopped", "starting", "stopped", { reason: "upstream command exited prematurely" }])
    expect(stateOf(failed.fleet)?.error).toBe("upstream command exited prematurely")
    expect(failed.transitions.at(-1)).toMatchObject({
      to: "error",
      reason: "upstream command exited prematurely",
      at: instantOf(3_000),
    })
    expect(stateOf(play(["starting", "stopped", { reason: "x" }, "starting"]).fleet)?.error).toBe(null)
  })

  it("are no failure when the list before came over another connection", () => {
    expect(play(["starting", "stopped"], false).said).toEqual(["starting>stopped"])
  })

  it("are taken from a poll, where a model that is missing is stopped and a peer's is not known", () => {
    const listed = applyList(
      EMPTY_FLEET,
      [model("a", "ready"), model("b", "stopped"), model("p/c", null, { peer: "p" })],
      {
        nowMs: 0,
        live: false,
      },
    ).fleet
    const polled = applyRunning(listed, [{ id: "b", state: "ready", ttl_s: 60, quant: "Q4_1" }], {
      nowMs: 1000,
      live: true,
      current: true,
    })
    const readings = readingsOf([...polled.fleet.models.values()], around)
    expect(readings.map(({ id, state, ttl_s }) => [id, state, ttl_s])).toEqual([
      ["a", "stopped", null],
      ["b", "ready", 60],
      ["p/c", null, null],
    ])
    expect(polled.transitions.map(({ model, to }) => `${model} ${to}`)).toEqual(["a stopped", "b ready"])
    expect(readings[1]?.quant).toBe("Q4_1")
  })

  it("are not taken from a poll that is older than the list", () => {
    const listed = applyList(EMPTY_FLEET, [model("a", "ready")], { nowMs: 0, live: false }).fleet
    const polled = applyRunning(listed, [], { nowMs: 1000, live: true, current: false })
    expect(polled.transitions).toEqual([])
    expect(stateOf(polled.fleet)?.state).toBe("ready")
  })
})

describe("what is derived of a model", () => {
  const ready = (ttl: number | null) => {
    const listed = applyList(EMPTY_FLEET, [model("m", "ready")], { nowMs: 0, live: false }).fleet
    const polled = applyRunning(listed, [{ id: "m", state: "ready", ttl_s: ttl, quant: null }], {
      nowMs: 0,
      live: true,
      current: true,
    }).fleet
    return applyRequestEnd(polled, "m", 5_000)
  }

  it.each<[string, Fleet, Partial<Surroundings>, string | null]>([
    ["ttl after the last request's end", ready(60), {}, instantOf(65_000)],
    ["nothing while a request is in flight", ready(60), { busy: new Set(["m"]) }, null],
    ["nothing where it is not known what is in flight", ready(60), { busy: null }, null],
    ["nothing for a ttl of 0, which is never", ready(0), {}, null],
    ["nothing for a ttl nobody told", ready(null), {}, null],
    ["nothing when the engine is down", ready(60), { heard: false }, null],
  ])("expires_at is %s", (_, fleet, changes, expected) => {
    expect(readingsOf([...fleet.models.values()], { ...around, ...changes })[0]?.expires_at).toBe(expected)
  })

  it("expires_at does not rest on requests from before the load", () => {
    let fleet = applyList(EMPTY_FLEET, [model("m", "stopped")], { nowMs: 0, live: false }).fleet
    for (const [state, nowMs] of [
      ["starting", 100_000],
      ["ready", 101_000],
    ] as const)
      fleet = applyList(fleet, [model("m", state)], { nowMs, live: true }).fleet
    expect(applyRequestEnd(fleet, "m", 50_000).models.get("m")?.lastEndMs).toBe(null)
    expect(applyRequestEnd(fleet, "m", 99_500).models.get("m")?.lastEndMs).toBe(99_500)
  })

  it("is no state at all once the engine is down", () => {
    const [reading] = readingsOf([...ready(60).models.values()], { ...around, heard: false })
    expect(reading).toMatchObject({ state: null, vram_mib: null, state_since: null })
  })

  it("load time is the median of the last five loads", () => {
    let fleet = applyList(EMPTY_FLEET, [model("m", "stopped")], { nowMs: 0, live: false }).fleet
    let nowMs = 0
    for (const loadMs of [90_000, 1_000, 2_000, 9_000, 3_000, 4_000]) {
      for (const [state, afterMs] of [
        ["starting", 10],
        ["ready", loadMs],
        ["stopped", 10],
      ] as const) {
        nowMs += afterMs
        fleet = applyList(fleet, [model("m", state)], { nowMs, live: true }).fleet
      }
    }
    expect(stateOf(fleet)?.load_ms_typical).toBe(3_000)
  })

  it.each([
    [[], null],
    [[4], 4],
    [[1, 3], 2],
    [[9, 1, 5], 5],
  ])("the median of %j is %s", (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  const process = (used_mib: number | null, changes = {}) => ({
    gpu_uuid: null,
    pid: 1,
    name: "/usr/bin/llama-server",
    used_mib,
    model: null,
    ...changes,
  })

  it.each<[string, Partial<Surroundings>, object]>([
    [
      "what its process holds, on all cards",
      { processes: [process(4_000), process(500)] },
      { vram_mib: 4_500, vram_basis: "process" },
    ],
    [
      "the rise over its load where the driver will not say",
      { processes: [process(null)], loadDelta: new Map([["m", 7]]) },
      { vram_mib: 7, vram_basis: "load_delta" },
    ],
    [
      "unknown with neither",
      { processes: [process(90, { name: "Xorg" })] },
      { vram_mib: null, vram_basis: null },
    ],
    [
      "what processes named after it hold",
      { processes: [process(9), process(3, { model: "m" })] },
      { vram_mib: 12, vram_basis: "process" },
    ],
  ])("its VRAM is %s", (_, changes, expected) => {
    expect(readingsOf([...ready(0).models.values()], { ...around, ...changes })[0]).toMatchObject(expected)
  })

  it("is no single process's VRAM when two models are loaded", () => {
    const two = applyList(EMPTY_FLEET, [model("a", "ready"), model("b", "ready")], {
      nowMs: 0,
      live: false,
    }).fleet
    const readings = readingsOf([...two.models.values()], { ...around, processes: [process(4_000)] })
    expect(readings.map(({ vram_mib: mib }) => mib)).toEqual([null, null])
  })
})
