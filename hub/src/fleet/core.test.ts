import { describe, expect, it } from "vitest"
import type { FleetPatch } from "@boocontrol/shared/fleet"
import { SILENT_AFTER_MS, step } from "./core.ts"
import type { HostEvent, HostState, HostStep } from "./core.ts"
import { NOON, at, boot, hostRow, instance, model, presence, sample } from "../../test/example-host.ts"
import { newHost } from "./new-host.ts"

const FRESH = newHost({ row: hostRow("a"), seq: 100, prefs: new Map(), last: null }, NOON)
const from = (installation = 1, life = 1) => ({ instance: instance(installation), boot: boot(life) })

type Timed = [afterMs: number, event: HostEvent]

function play(start: HostState, events: readonly Timed[]): HostStep[] {
  let host = start
  return events.map(([afterMs, event]) => {
    const stepped = step(host, event, NOON + afterMs)
    host = stepped.host
    return stepped
  })
}

function end(start: HostState, events: readonly Timed[]): HostStep {
  const last = play(start, events).at(-1)
  if (!last) throw new Error("nothing happened")
  return last
}

const here = (more: Parameters<typeof presence>[0] = {}, who = from()): HostEvent => ({
  kind: "presence",
  from: who,
  data: presence(more),
})
const lists = (seq: number, state: "ready" | "stopped" | null = "ready", who = from()): HostEvent => ({
  ...{ kind: "models", from: who, seq, models: [model("m", state)] },
})
const TICK: HostEvent = { kind: "tick" }
const stateOf = (host: HostState): string | null | undefined => host.shown.models[0]?.state

describe("a patch", () => {
  const cases: [string, Timed[], (keyof FleetPatch)[] | null][] = [
    [
      "holds only what a first models message changes",
      [
        [0, here()],
        [1, lists(1)],
      ],
      ["models"],
    ],
    [
      "is not made of the same models again",
      [
        [0, here()],
        [1, lists(1)],
        [2, lists(2)],
      ],
      null,
    ],
    [
      "is not made of the same presence again",
      [
        [0, here()],
        [5_000, here()],
        [10_000, here()],
      ],
      null,
    ],
    [
      "of the same presence holds the time alone, as often as silence takes",
      [
        [0, here()],
        [5_000, here()],
        [10_000, here()],
        [15_000, here()],
      ],
      ["last_seen_at"],
    ],
    [
      "holds a problem as soon as there is one",
      [
        [0, here()],
        [0, here({ engine: { problem: { code: "KEY", message: "wrong", since: at(NOON) } } })],
      ],
      ["problem"],
    ],
    [
      "is never made of a sample",
      [
        [0, here()],
        [1, { kind: "live", from: from(), sample: sample(NOON) }],
      ],
      null,
    ],
    [
      "is not made of a tick in good times",
      [
        [0, here()],
        [1_000, TICK],
      ],
      null,
    ],
    [
      "holds both in-flight keys",
      [
        [0, here()],
        [1, { kind: "inflight", from: from(), data: { requests: [], total: 0 } }],
      ],
      ["inflight", "inflight_total"],
    ],
    [
      "is not made of the same rates again",
      [
        [0, here()],
        [1, { kind: "rated", rates: { requests_per_min: 1, errors_per_min: 0, swaps_1h: 0, swap_ms_1h: 0 } }],
        [2, { kind: "rated", rates: { requests_per_min: 1, errors_per_min: 0, swaps_1h: 0, swap_ms_1h: 0 } }],
      ],
      null,
    ],
  ]
  it.each(cases)("%s", (_name, events, keys) => {
    const steps = play(FRESH, events)
    const before = steps.at(-2)?.host ?? FRESH
    const last = steps.at(-1)
    expect(last?.patch === null ? null : Object.keys(last?.patch ?? {}).sort()).toEqual(keys)
    expect(last?.host.seq).toBe(before.seq + (keys === null ? 0 : 1))
  })
})

describe("liveness", () => {
  const engine = (liveness: "connected" | "reconnecting" | "down") => here({ engine: { liveness } })
  const cases: [string, Timed[], string][] = [
    ["reconnecting until it speaks", [[1_000, TICK]], "reconnecting"],
    ["connected once its engine is", [[1_000, engine("connected")]], "connected"],
    ["reconnecting when its sidecar says so", [[1_000, engine("reconnecting")]], "reconnecting"],
    ["down when its sidecar says so", [[1_000, engine("down")]], "down"],
    [
      "connected with two presences missed",
      [
        [0, engine("connected")],
        [SILENT_AFTER_MS - 1, TICK],
      ],
      "connected",
    ],
    [
      "down with three presences missed",
      [
        [0, engine("connected")],
        [SILENT_AFTER_MS, TICK],
      ],
      "down",
    ],
    ["down when it never spoke to this hub", [[SILENT_AFTER_MS, TICK]], "down"],
    [
      "kept up by presences alone, not by samples",
      [
        [0, engine("connected")],
        [14_000, { kind: "live", from: from(), sample: sample(NOON) }],
        [15_000, TICK],
      ],
      "down",
    ],
    [
      "connected again after silence",
      [
        [0, engine("connected")],
        [20_000, TICK],
        [21_000, engine("connected")],
      ],
      "connected",
    ],
  ]
  it.each(cases)("is %s", (_name, events, liveness) => {
    expect(end(FRESH, events).host.shown.liveness).toBe(liveness)
  })

  it("says since when, and when the host was last heard", () => {
    const { shown } = end(FRESH, [
      [0, here()],
      [7_000, here()],
      [22_000, TICK],
    ]).host
    expect(shown).toMatchObject({
      liveness: "down",
      liveness_since: at(NOON + 22_000),
      last_seen_at: at(NOON + 7_000),
    })
  })
})

it.each(["connected", "down"] as const)(
  "forgets what a sidecar said of its spool and its engine, which was %s, once it is silent",
  (liveness) => {
    const spool = { depth: 7, bytes: 900, oldest_at: at(NOON), dropped: 0 }
    const problem = { code: "ENGINE_UNREACHABLE", message: "nothing listens there", since: at(NOON) }
    const said: Timed = [7_000, here({ spool, engine: { liveness, problem } })]
    expect(end(FRESH, [said, [7_001, TICK]]).host.shown).toMatchObject({ spool, problem })
    const silent = end(FRESH, [said, [8_000, said[1]], [23_000, TICK]])
    expect(silent.host.shown).toMatchObject({ liveness: "down", last_seen_at: at(NOON + 8_000) })
    expect(silent.patch).toMatchObject({ spool: null, problem: null })
    expect(step(silent.host, TICK, NOON + 30_000).patch).toBe(null)
  },
)

describe("the state of a model", () => {
  const cases: [string, Timed[], string | null][] = [
    [
      "what the host says",
      [
        [0, here()],
        [1, lists(1)],
      ],
      "ready",
    ],
    [
      "null while the host is silent",
      [
        [0, here()],
        [1, lists(1)],
        [20_000, TICK],
      ],
      null,
    ],
    [
      "null while its engine is down",
      [
        [0, here()],
        [1, lists(1)],
        [2, here({ engine: { liveness: "down" } })],
      ],
      null,
    ],
    [
      "still null when the engine is back but has not been asked",
      [
        [0, here()],
        [1, lists(1)],
        [2, here({ engine: { liveness: "down" } })],
        [3, here()],
      ],
      null,
    ],
    [
      "known again with the next list",
      [
        [0, here()],
        [1, lists(1)],
        [2, here({ engine: { liveness: "down" } })],
        [3, here()],
        [4, lists(2)],
      ],
      "ready",
    ],
    [
      "kept while the engine is being reached again",
      [
        [0, here()],
        [1, lists(1)],
        [2, here({ engine: { liveness: "reconnecting" } })],
      ],
      "ready",
    ],
    [
      "not set back by an older message",
      [
        [0, here()],
        [1, lists(5)],
        [2, lists(4, "stopped")],
      ],
      "ready",
    ],
    [
      "not set back by what an earlier life left in the spool",
      [
        [0, here({}, from(1, 2))],
        [1, lists(1, "ready", from(1, 2))],
        [2, lists(900, "stopped", from(1, 1))],
      ],
      "ready",
    ],
    [
      "taken from a restarted sidecar, whose seq begins anew",
      [
        [0, here()],
        [1, lists(50)],
        [2, here({}, from(1, 2))],
        [3, lists(1, "stopped", from(1, 2))],
      ],
      "stopped",
    ],
    [
      "looked up in the stream when this hub missed it",
      [
        [0, here()],
        [1, lists(7)],
      ],
      "ready",
    ],
    [
      "not looked up from an earlier life",
      [
        [0, here({}, from(1, 2))],
        [1, lists(7, "ready", from(1, 1))],
      ],
      null,
    ],
    [
      "not overwritten by a look-up that comes late",
      [
        [0, here()],
        [1, lists(8, "stopped")],
        [2, lists(7)],
      ],
      "stopped",
    ],
  ]
  it.each(cases)("is %s", (_name, events, state) => {
    const known = { ...FRESH, reported: [model("m", "stopped")] }
    expect(stateOf(end(known, events).host)).toBe(state)
  })

  it("is asked of the stream until the host has listed its models in this life", () => {
    const asked = play(FRESH, [
      [0, here()],
      [5_000, here()],
      [5_001, lists(1)],
      [10_000, here()],
    ])
    expect(asked.map((stepped) => stepped.recallModels)).toEqual([true, true, false, false])
  })

  it("goes with how long it lasts and why, when it is not known", () => {
    const loaded = model("m", "ready", { state_since: at(NOON), expires_at: at(NOON), ttl_s: 60 })
    const events: Timed[] = [
      [0, here()],
      [1, { kind: "models", from: from(), seq: 1, models: [loaded] }],
      [20_000, TICK],
    ]
    expect(end(FRESH, events).host.shown.models[0]).toMatchObject({
      ...{ id: "m", state: null, state_since: null, expires_at: null, ttl_s: 60 },
    })
  })
})

describe("two sidecars with one host id", () => {
  const twin = (more = {}) => here(more, from(2))

  it("leave it to the first, which is told on its card", () => {
    const stepped = end(FRESH, [
      [0, here()],
      [100, twin({ sidecar_version: "9.9.9" })],
    ])
    expect(stepped).toMatchObject({ heeded: false, refuse: instance(2) })
    expect(stepped.host.shown).toMatchObject({
      sidecar_version: "0.1.0",
      twin: { instance: instance(2), at: at(NOON + 100) },
    })
  })

  it("tell the second again at each presence, not at each message, and change the card once", () => {
    const steps = play(FRESH, [
      [0, here()],
      [100, twin()],
      [200, { kind: "spoke", from: from(2) }],
      [5_000, here()],
      [5_100, twin()],
    ])
    expect(steps.map((stepped) => stepped.refuse)).toEqual([null, instance(2), null, null, instance(2)])
    expect(steps.at(-1)?.patch).toBeNull()
  })

  it("hand it over after three presences missed by the first", () => {
    const early = end(FRESH, [
      [0, here()],
      [SILENT_AFTER_MS - 1, twin()],
    ])
    expect(early.heeded).toBe(false)
    const late = end(FRESH, [
      [0, here()],
      [100, twin()],
      [SILENT_AFTER_MS, twin({ sidecar_version: "9.9.9" })],
    ])
    expect(late).toMatchObject({ heeded: true, refuse: null })
    expect(late.host.shown).toMatchObject({ sidecar_version: "9.9.9", twin: null })
  })

  it("are one again when the second has been quiet for as long", () => {
    const steps: Timed[] = [
      [0, here()],
      [100, twin()],
      [14_000, here()],
      [100 + SILENT_AFTER_MS, TICK],
    ]
    expect(end(FRESH, steps).patch).toEqual({ twin: null })
  })

  it("do not mix what they have loaded", () => {
    const steps: Timed[] = [
      [0, here()],
      [1, lists(1)],
      [2, lists(9, "stopped", from(2))],
    ]
    expect(stateOf(end(FRESH, steps).host)).toBe("ready")
  })
})

describe("a disabled host", () => {
  const disabled: HostEvent = { kind: "registered", row: hostRow("a", { enabled: false }) }

  it("is not listened to, and nothing of it is known", () => {
    const steps = play(FRESH, [
      [0, here()],
      [1, lists(1)],
      [2, disabled],
      [3, here()],
      [4, lists(2)],
    ])
    expect(steps.slice(3).map((stepped) => [stepped.heeded, stepped.patch])).toEqual([
      [false, null],
      [false, null],
    ])
    const host = steps.at(-1)?.host
    expect(host?.shown).toMatchObject({ enabled: false, liveness: "down", inflight: null, twin: null })
    expect(host?.shown).toMatchObject({ spool: null, problem: null })
    expect(host && stateOf(host)).toBeNull()
  })

  it("is waited for again once it is enabled", () => {
    const enabled: HostEvent = { kind: "registered", row: hostRow("a") }
    const { host } = end(FRESH, [
      [0, disabled],
      [60_000, enabled],
      [61_000, TICK],
    ])
    expect(host.shown).toMatchObject({ enabled: true, liveness: "reconnecting" })
  })
})

it.each([
  ["keeps the newest sample where one comes late", 2_000, 1_000, 2_000],
  ["takes the samples of a host whose clock was set back", 3_600_000, 1_000, 1_000],
])("%s", (_what, firstMs, nextMs, shownMs) => {
  const live = (ms: number): HostEvent => ({ kind: "live", from: from(), sample: sample(NOON + ms) })
  const { host } = end(FRESH, [
    [0, here()],
    [1, live(firstMs)],
    [2, live(nextMs)],
  ])
  expect(host.shown.sample?.ts).toBe(at(NOON + shownMs))
})

it("shows rejected messages at most every five seconds, with their whole number", () => {
  const rejected = (reason: string): HostEvent => ({ kind: "rejected", reason })
  const steps = play(FRESH, [
    [0, rejected("one")],
    [100, rejected("two")],
    [200, rejected("three")],
    [1_000, TICK],
    [5_000, TICK],
  ])
  expect(steps.map((stepped) => stepped.patch?.rejected?.count ?? null)).toEqual([1, null, null, null, 3])
  expect(steps.at(-1)?.host.shown.rejected).toEqual({ count: 3, reason: "three", at: at(NOON + 5_000) })
})

it("shows what an operator wants of a model, whatever its state", () => {
  const prefs = new Map([["m", { favorite: true, hidden: false }]])
  const stepped = end(FRESH, [
    [0, here()],
    [1, lists(1)],
    [2, { kind: "preferred", prefs }],
  ])
  expect(stepped.patch?.models?.[0]).toMatchObject({ id: "m", state: "ready", favorite: true, hidden: false })
})

it("starts a rebuilt host as last known, with its age and without states", () => {
  const host = newHost(
    {
      row: hostRow("a", { last_seen_at: at(NOON - 60_000) }),
      ...{ seq: 5, prefs: new Map() },
      last: { shown: { engine_version: "v240" }, models: [model("m", "ready")], holder: null },
    },
    NOON,
  )
  expect(host.shown).toMatchObject({
    ...{ liveness: "reconnecting", last_seen_at: at(NOON - 60_000), engine_version: "v240" },
    models: [{ id: "m", state: null }],
  })
})
