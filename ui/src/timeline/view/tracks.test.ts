import { describe, expect, it } from "vitest"
import type { ModelEventRow } from "@boocontrol/shared/models"
import type { SwapsReply } from "@boocontrol/shared/swaps"
import { PerfReply } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import { NOW, aLease, aRow, anAction } from "../../test/examples.ts"
import { layoutOf } from "./option.ts"
import { energy } from "../../kit/format.ts"
import { energyLines, lostWords } from "./costs.ts"
import { entriesOf, marksOf, readoutAt, requestBars, thrashWords, totalOf } from "./tracks.ts"

const point = (second: number, mean: number | null) => ({
  ...{ ts: instantOf(NOW + second * 1_000), mean, min: mean, max: mean },
})
const perf = (cards: (number | null)[][]): PerfReply =>
  PerfReply.parse({
    ...{ provider_id: "box", tier: "raw", step_s: 1, from: instantOf(NOW), to: instantOf(NOW + 10_000) },
    ...{ sys: {}, missing: [], backfilled: [] },
    gpus: cards.map((values, index) => ({
      ...{ index, uuid: null, name: null },
      series: { power_w: values.map((value, second) => point(second, value)), mem_used_mib: [] },
    })),
  })
const event = (model: string, state: string, second: number): ModelEventRow => ({
  ...{ provider_id: "box", model, state, ts: instantOf(NOW + second * 1_000), detail: null },
})
const thrash: SwapsReply["thrash"][number] = {
  ...{ models: ["a", "b"], swaps: 14, from: instantOf(NOW), to: instantOf(NOW + 600_000) },
}
const swaps: SwapsReply = {
  ...{ provider_id: "box" as SwapsReply["provider_id"], from: instantOf(NOW), to: instantOf(NOW + 100_000) },
  ...{ power_step_s: 10, lost_ms: 5_000, lost_joules: 36_000, thrash: [thrash], energy: [] },
  models: [
    { model: "a", loads: 3, failed: 1, load_ms: 5_000, load_ms_mean: 2_000, unload_ms: 0, load_joules: null },
  ],
}

const quiet = { events: [], swaps: null, actions: [], lease: null }

describe("a request", () => {
  it("is drawn from when it arrived to its end, and its words say what is known", () => {
    const row = aRow(1, { ts: instantOf(NOW), duration_ms: 4_000, source: null, status_code: 502 })
    const [bar] = requestBars([row])
    expect(bar).toMatchObject({ fromMs: NOW - 4_000, toMs: NOW, failed: true })
    expect(bar?.words).toContain("source not known")
    expect(bar?.words).toContain("status 502")
  })
})

describe("what all cards draw together", () => {
  it("is their sum, and unknown where one of them has no reading", () => {
    const total = totalOf(
      perf([
        [100, 100, null],
        [50, null, 50],
      ]),
      "power_w",
    )
    expect(total.map(({ mean }) => mean)).toEqual([150, null, null])
  })

  it("is read at a moment from the step it lies in, never from an old one", () => {
    const one = perf([[100, 120]])
    expect(readoutAt(one, NOW + 1_400)).toMatchObject({ power: "120.0 W", vram: null })
    expect(readoutAt(one, NOW + 9_000).power).toBeNull()
    expect(readoutAt(null, NOW).power).toBeNull()
  })
})

describe("marks", () => {
  it("are notes of the host and models that thrash, in order of time", () => {
    const marks = marksOf({
      ...quiet,
      events: [event("*", "gap_suspected", -10), event("m", "ready", 0)],
      swaps,
    })
    expect(marks.map(({ tone, text }) => [tone, text])).toEqual([
      ["bad", "History may have a gap"],
      ["warn", "a and b swapped 14 times in 10m"],
    ])
    expect(thrashWords(thrash)).toBe("a and b swapped 14 times in 10m")
  })
})

describe("what people did", () => {
  it("is marked with who did it and what came of it, and a lease for as long as it holds", () => {
    const action = anAction({
      ...{ action: "warm", model: "m", actor: "ann", state: "failed", reason: "no room" },
      ...{ started_at: instantOf(NOW), ended_at: instantOf(NOW + 5_000) },
    })
    const lease = aLease({ granted_at: instantOf(NOW + 1_000), expires_at: instantOf(NOW + 61_000) })
    expect(marksOf({ ...quiet, actions: [action], lease })).toEqual([
      { fromMs: NOW, toMs: NOW + 5_000, text: "load m by ann, failed: no room", tone: "bad" },
      {
        fromMs: NOW + 1_000,
        toMs: NOW + 61_000,
        text: `leased to ${lease.holder}: ${lease.purpose}`,
        tone: "lease",
      },
    ])
  })
})

describe("the table", () => {
  it("holds the same as the chart, newest first, and says what it leaves out", () => {
    const requests = requestBars(
      Array.from({ length: 500 }, (_, index) => aRow(index, { ts: instantOf(NOW - index) })),
    )
    const { entries, cut } = entriesOf({ events: [event("m", "error", 5)], requests, marks: [] })
    expect([entries.length, cut]).toEqual([400, 101])
    expect(entries[0]).toMatchObject({ kind: "model", what: "m", bad: true })
    expect(entries[1]).toMatchObject({ kind: "request", requestId: requests[0]?.id })
  })
})

describe("the layout", () => {
  it("gives a row to each model that was loaded or asked, in the host's own order", () => {
    const bars = requestBars([aRow(1, { model: "x" })])
    const span = { model: "b", state: "ready", fromMs: 0, toMs: 1, open: false } as const
    expect(layoutOf({ spans: [span], requests: bars, models: ["a", "b"] }).rows).toEqual(["b", "x"])
  })
})

describe("costs in words", () => {
  it.each([
    [null, "–"],
    [360, "0.10 Wh"],
    [72_000, "20 Wh"],
    [7_200_000, "2.00 kWh"],
  ])("%s J is %s", (joules, words) => {
    expect(energy(joules)).toBe(words)
  })

  it("are summed in one sentence", () => {
    expect(lostWords(swaps)).toBe("3 loads, 5.0 s (5.0 % of the time), 10 Wh")
    expect(lostWords({ ...swaps, lost_ms: 0, models: [] })).toBe("nothing was loaded or unloaded")
  })

  it("name the doubt where power is known for part of the time only", () => {
    const one = { model: "a", requests: 1, prompt_tokens: 10, output_tokens: 5, busy_ms: 1_000 }
    const lines = energyLines([
      { ...one, joules: 30, joules_per_1k_tokens: 2_000, measured: 0.5 },
      { ...one, joules: null, joules_per_1k_tokens: null, measured: 0 },
    ])
    expect(lines.map(({ per1k, doubt }) => [per1k, doubt])).toEqual([
      ["2,000 J", "power known for 50 % of its time"],
      ["–", null],
    ])
  })
})
