import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { NOW, aRow } from "../test/examples.ts"
import { gapWords, gapsIn, isInGap, linesOf, spanText, whyLost } from "./gaps.ts"
import type { Gap, Line } from "./gaps.ts"

const row = (n: number, atMs: number, host = "box") =>
  aRow(n, { ts: instantOf(NOW + atMs), provider_id: host as never })
const gap = (fromMs: number | null, toMs: number, host = "box"): Gap => ({
  ...{ key: `gap ${host} ${toMs}`, host, toMs: NOW + toMs, loss: null },
  fromMs: fromMs === null ? null : NOW + fromMs,
})
const shape = (lines: readonly Line[]) =>
  lines.map((line) => (line.kind === "row" ? line.row.swap_entry_id : line.key))

describe("gaps in a list of requests", () => {
  it("are read from the notes of hosts, with what each of them knows", () => {
    const note = { provider_id: "box" as never, model: "*", state: "gap_suspected", ts: instantOf(NOW) }
    const told = { from: instantOf(NOW - 9_000), to: instantOf(NOW - 1_000) }
    expect(
      gapsIn([
        { ...note, detail: told },
        { ...note, detail: { from: null, to: told.to } },
        { ...note, detail: null },
        { ...note, state: "swap_restarted", detail: null },
      ]).map(({ fromMs, toMs }) => [fromMs, toMs]),
    ).toEqual([
      [NOW - 9_000, NOW - 1_000],
      [null, NOW - 1_000],
      [null, NOW],
    ])
  })

  it.each<[string, Record<string, unknown>, string | null]>([
    [
      "requests among samples",
      { count: 90, by_kind: { perf: 87, activity: 3 } },
      "3 messages about requests lost",
    ],
    ["one, by a sidecar that names no kinds", { count: 1 }, "1 message about requests lost"],
    ["at most so many", { count: 5, at_most: true, by_kind: {} }, "up to 5 messages about requests lost"],
    ["samples only", { count: 87, by_kind: { perf: 87 } }, null],
    ["nothing it could name", {}, null],
  ])("are losses too where a spool gave up %s", (_name, detail, words) => {
    const span = { from: instantOf(NOW - 60_000), to: instantOf(NOW - 20_000) }
    const [lost] = gapsIn([
      {
        ...{ provider_id: "box", model: "*", state: "spool_dropped", ts: instantOf(NOW) },
        detail: { reason: "no_room", ...span, ...detail },
      },
    ])
    const said = lost ? gapWords(lost).replaceAll(/\d\d(?=:\d\d:\d\d)/g, "hh") : null
    expect(said).toBe(words && `${words}, hh:59:00 to hh:59:40: the host's disk spool was full`)
  })

  it.each([
    ["no_disk", "the host's disk spool could not be written"],
    ["struck_by_lightning", "struck by lightning"],
    [undefined, "the host does not say why"],
  ])("say why requests were lost: %s", (reason, words) => expect(whyLost(reason)).toBe(words))

  it("stand above the first row that ended before they did", () => {
    const rows = [row(3, -1_000), row(2, -5_000), row(1, -60_000)]
    const lines = linesOf(rows, [gap(-50_000, -5_000), gap(-4_000, 20_000)], false)
    expect(shape(lines)).toEqual(["gap box 20000", 3, "gap box -5000", 2, 1])
  })

  it("wait for the page of older rows they belong to, and are told at the end of history", () => {
    const rows = [row(1, -1_000)]
    const old = gap(-9_000, -5_000)
    expect(shape(linesOf(rows, [old], false))).toEqual([1])
    expect(shape(linesOf(rows, [old], true))).toEqual([1, "gap box -5000"])
    expect(shape(linesOf([], [old], true))).toEqual(["gap box -5000"])
  })

  it("cast doubt on rows of their own host that lie within, not on those at their ends", () => {
    const gaps = [gap(-9_000, -5_000), gap(null, -20_000)]
    expect(isInGap(row(1, -6_000), gaps)).toBe(true)
    for (const other of [row(2, -6_000, "other"), row(3, -9_000), row(4, -5_000), row(5, -30_000)])
      expect(isInGap(other, gaps)).toBe(false)
  })

  it("say when they were, as far as it is known", () => {
    expect(spanText(gap(-60_000, 0))).toMatch(/^\d\d:59:00 to \d\d:00:00$/)
    expect(spanText(gap(null, 0))).toMatch(/^before \d\d:00:00$/)
  })
})
