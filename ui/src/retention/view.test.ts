import type { CompletenessRow, RetentionRun, StoredTable } from "@boocontrol/shared/retention"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { percentText, toneOf } from "./percent.ts"
import { bytesOf, hostStrips, runLines, streamLines, tableLines } from "./view.ts"

const NOON = Date.UTC(2026, 10, 22, 12)

it.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1.0 kB"],
  [38_400_000, "38 MB"],
  [1_260_000_000, "1.3 GB"],
  [9e15, "9000 TB"],
])("writes %i bytes as %s", (bytes, text) => {
  expect(Object.values(bytesOf(bytes)).join(" ")).toBe(text)
})

it.each([
  [null, "–", "unknown"],
  [100, "100 %", "ok"],
  [99.999, "99.99 %", "ok"],
  [99.89, "99.89 %", "warn"],
  [94.9, "94.90 %", "bad"],
  [0, "0.00 %", "bad"],
] as const)("shows %s percent as %s", (percent, text, tone) => {
  expect(percentText(percent)).toBe(text)
  expect(toneOf(percent)).toBe(tone)
})

const day = (host: string, date: string, given: Partial<CompletenessRow> = {}): CompletenessRow => ({
  ...{ provider_id: host, day: date, expected_s: 86_400, present_s: 86_400, percent: 100, backfilled: 0 },
  ...{ gaps: 0, gap_s: 0, computed_at: instantOf(NOON) },
  ...given,
})

describe("the strip of a host", () => {
  it("has a cell for each day, the oldest first, an empty one where nothing was expected", () => {
    const rows = [day("b", "2026-11-22"), day("a", "2026-11-20", { present_s: 43_200, percent: 50, gaps: 2 })]
    const [a, b] = hostStrips(rows, NOON, 3)
    expect(a?.cells.map(({ percent, tone }) => [percent, tone])).toEqual([
      [50, "bad"],
      [null, "unknown"],
      [null, "unknown"],
    ])
    expect(a?.cells[0]?.title).toBe(
      "2026-11-20: 50.00 % of the samples, 2 times whose requests may be incomplete",
    )
    expect(a?.label).toBe("a: 50.00 % of 3 days, least on 2026-11-20 with 50.00 %")
    expect(b?.label).toBe("b: 100 % of 3 days, no day less")
  })

  it("weighs days by what was expected of them, and never rounds up", () => {
    const rows = [
      day("a", "2026-11-21"),
      day("a", "2026-11-22", { expected_s: 3_600, present_s: 3_599, percent: 99.97 }),
    ]
    expect(hostStrips(rows, NOON, 30)[0]?.percent).toBe(99.99)
  })

  it("knows nothing of a host whose days were not expected", () => {
    const [strip] = hostStrips([day("a", "2026-11-22", { expected_s: null, percent: null })], NOON, 2)
    expect(strip).toMatchObject({ percent: null, label: "a: nothing was expected in these days" })
  })
})

const table: StoredTable = {
  ...{ table: "control_perf_samples", bytes: 500, rows_estimate: 1_234, keep_days: 7, default_rows: 0 },
  ...{ from: instantOf(NOON), to: instantOf(NOON + 86_400_000), partitions: [] },
}

it("shows a table with its share of the largest, and rows that have no home", () => {
  const [first, second] = tableLines([
    table,
    { ...table, table: "x", bytes: 1_000, default_rows: 3, rows_estimate: null },
  ])
  expect(first).toMatchObject({
    name: "Samples, every second",
    share: 0.5,
    rows: "~1,234",
    kept: "7 days",
    trouble: null,
  })
  expect(second).toMatchObject({ name: "x", share: 1, rows: "–", trouble: "3 rows without a partition" })
})

const stream = {
  ...{ stream: "BOO_PERF", received: 1, stored: 1, redelivered: 0, dead_letters: 0, disabled: 0, retries: 0 },
  ...{ waiting_for_postgres: false, lag_ms: 900 },
}
it.each([
  [{}, "up to date", "ok"],
  [{ lag_ms: null }, "nothing yet", "unknown"],
  [{ lag_ms: 60_000 }, "catching up", "warn"],
  [{ lag_ms: 60_000, waiting_for_postgres: true }, "waits for Postgres", "bad"],
])("says of a stream with %j: %s", (given, state, tone) => {
  expect(streamLines({ streams: [{ ...stream, ...given }], nats: true }, false)[0]).toMatchObject({
    state,
    tone,
    stream: "Samples",
  })
})

it.each([
  [{ nats: false }, false, "not known: NATS does not answer the hub"],
  [{ nats: true }, true, "not known now"],
])("says of streams with %j, figures being old: %s: %s", (reply, isOld, state) => {
  for (const given of [{}, { lag_ms: 60_000 }, { waiting_for_postgres: true }]) {
    const [line] = streamLines({ ...reply, streams: [{ ...stream, ...given }] }, isOld)
    expect(line).toMatchObject({ state, tone: "unknown", lag: "–" })
  }
})

const run: RetentionRun = {
  ...{ id: 1, hub_id: "h", started_at: instantOf(NOON), finished_at: instantOf(NOON + 1_500), error: null },
  detail: { dropped: [], made: [], deleted: {}, evicted_captures: 0, refused: [] },
}
it.each([
  [run, "Nothing was due", "ok", "1.5 s"],
  [{ ...run, finished_at: null }, "Nothing was due", "ok", "not ended"],
  [{ ...run, error: "disk full" }, "Failed: disk full", "bad", "1.5 s"],
  [
    { ...run, detail: { ...run.detail, dropped: ["a"], deleted: { t: 2, u: 3 }, evicted_captures: 1 } },
    "Dropped 1 partition; deleted 5 rows; evicted 1 capture",
    "ok",
    "1.5 s",
  ],
  [
    { ...run, detail: { ...run.detail, refused: [{ what: "p", why: "dirty" as const }] } },
    "Kept p: it waits to be computed",
    "warn",
    "1.5 s",
  ],
])("says what a run did", (given, text, tone, took) => {
  expect(runLines([given])[0]).toMatchObject({ text, tone, took })
})
