import { ModelEventRow } from "@boocontrol/shared/models"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { NOW } from "../../test/examples.ts"
import { gapsIn } from "../../activity/gaps.ts"
import { escapeText, rowsOf } from "./timeline-chart.ts"
import { notesOf, shadedSpans, spansOf } from "./timeline.ts"

const event = (secondsAgo: number, state: string, given: Partial<ModelEventRow> = {}) =>
  ModelEventRow.parse({
    provider_id: "box",
    model: "m",
    state,
    ts: instantOf(NOW - secondsAgo * 1000),
    detail: null,
    ...given,
  })
const RANGE = { fromMs: NOW - 600_000, toMs: NOW }
const bars = (events: ModelEventRow[]) =>
  spansOf(events, RANGE).map((span) => [
    span.state,
    (NOW - span.fromMs) / 1000,
    (NOW - span.toMs) / 1000,
    span.open,
  ])

describe("when a model held the memory", () => {
  it.each<[string, ModelEventRow[], unknown[]]>([
    [
      "loaded and unloaded, in whatever order the rows come",
      [event(100, "stopped"), event(209, "ready"), event(218, "starting")],
      [
        ["starting", 218, 209, false],
        ["ready", 209, 100, false],
      ],
    ],
    ["still loaded", [event(100, "ready")], [["ready", 100, 0, true]]],
    [
      "loaded before the range began",
      [event(5000, "ready"), event(300, "stopped")],
      [["ready", 600, 300, false]],
    ],
    ["over before the range began", [event(5000, "ready"), event(4000, "stopped")], []],
    [
      "failed: a moment",
      [event(100, "starting"), event(90, "error")],
      [
        ["starting", 100, 90, false],
        ["error", 90, 87.6, false],
      ],
    ],
  ])("%s", (_name, events, expected) => expect(bars(events)).toEqual(expected))

  it("keeps the notes of the host itself out", () => {
    expect(spansOf([event(10, "ready", { model: "*" })], RANGE)).toEqual([])
  })

  it("has one row per model that was loaded, in the host's order, gone ones last", () => {
    const spans = spansOf([event(9, "ready", { model: "gone" }), event(9, "ready", { model: "b" })], RANGE)
    expect(rowsOf(spans, ["a", "b"])).toEqual(["b", "gone"])
  })
})

describe("the notes of a host", () => {
  const gap = event(20, "gap_suspected", {
    model: "*",
    detail: { from: instantOf(NOW - 60_000), to: instantOf(NOW - 20_000), lost: 3 },
  })

  it("are told in words, and unknown kinds as they are", () => {
    const notes = notesOf([event(10, "new_kind", { model: "*" }), gap, event(5, "ready")])
    expect(notes.map(({ text, bad }) => [text, bad])).toEqual([
      ["new kind", false],
      ["History may have a gap", true],
    ])
    expect(notes[1]?.detail).toMatch(/^\d\d:59:00 to \d\d:59:40, lost: 3$/)
  })

  it.each([
    [{ reason: "GPU 0" }, "reason: GPU 0"],
    [{ version: "model 7", uuids: ["a", "b"] }, "version: model 7, uuids: a, b"],
  ])("take no text for a time that only ends in a number: %o", (detail, words) => {
    expect(notesOf([event(5, "gpu_lost", { model: "*", detail })])[0]?.detail).toBe(words)
  })

  it("give the spans in which rows may be missing, where both ends are known", () => {
    const open = event(20, "gap_suspected", { model: "*", detail: { from: null, to: instantOf(NOW) } })
    expect(shadedSpans(gapsIn([gap, open]), RANGE)).toEqual([{ fromMs: NOW - 60_000, toMs: NOW - 20_000 }])
  })
})

describe("requests that a spool gave up", () => {
  const lost = (secondsAgo: number, reason: string) => {
    const at = instantOf(NOW - secondsAgo * 1000)
    return event(20, "spool_dropped", { model: "*", detail: { reason, count: 1, from: at, to: at } })
  }

  it("are shaded as wide as can be seen, where they are within the range", () => {
    const fromMs = NOW - 60_000
    const shaded = shadedSpans(gapsIn([lost(60, "no_room"), lost(700, "no_room")]), RANGE)
    expect(shaded).toEqual([{ fromMs, toMs: fromMs + 2_400 }])
  })

  it("are told by kind, without the numbers of their messages", () => {
    const at = instantOf(NOW - 60_000)
    const seqs = [{ boot: "b", ranges: [[1, 3]] }]
    const detail = { from: at, to: at, count: 5, by_kind: { perf: 2, activity: 3 }, seqs }
    expect(notesOf([event(20, "spool_dropped", { model: "*", detail })])[0]?.detail).toMatch(
      /, count: 5, by kind: 2 perf, 3 activity$/,
    )
  })

  it("are noted with the reason that the host gave", () => {
    expect(notesOf([lost(60, "corrupt")])[0]?.text).toBe(
      "Records were lost: a file of the host's disk spool was spoilt",
    )
  })
})

describe("a name in a tooltip", () => {
  it("is text, never markup", () => {
    expect(escapeText("<img onerror=x>&")).toBe("&lt;img onerror=x&gt;&amp;")
  })
})
