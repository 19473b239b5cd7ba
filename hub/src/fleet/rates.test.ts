import { describe, expect, it } from "vitest"
import type { ModelState } from "@boocontrol/shared/models"
import { NOON, at } from "../../test/example-host.ts"
import { rateWindow } from "./rates.ts"

const row = (id: string, ms: number, more: { status_code?: number | null; error?: string | null } = {}) => ({
  ...{ id, ts: at(NOON + ms), status_code: 200, error: null },
  ...more,
})
const became = (to: ModelState, ms: number, model = "m") => ({
  ...{ model, from: null, to, at: at(NOON + ms), reason: null },
})
const MINUTE = 60_000

describe("requests per minute", () => {
  it("count what ended within the last minute, once each", () => {
    const window = rateWindow(NOON - 10 * MINUTE)
    const rows = [row("1", -59_000), row("2", -1_000, { status_code: 502 }), row("3", 0, { error: "gone" })]
    window.requests([...rows, row("2", -1_000, { status_code: 502 }), row("old", -61_000)], NOON)
    window.requests(rows, NOON)
    expect(window.read(NOON)).toMatchObject({ requests_per_min: 3, errors_per_min: 2 })
    expect(window.read(NOON + 2_000)).toMatchObject({ requests_per_min: 2, errors_per_min: 2 })
    expect(window.read(NOON + MINUTE + 1_000)).toMatchObject({ requests_per_min: 0, errors_per_min: 0 })
  })

  it("are not known before there is enough to go by, then go by the time that was watched", () => {
    const window = rateWindow(NOON)
    window.requests([row("1", 100), row("2", 200), row("3", 300)], NOON + 1_000)
    expect(window.read(NOON + 9_999)).toBeNull()
    expect(window.read(NOON + 30_000)).toMatchObject({ requests_per_min: 6 })
  })

  it("take a row from a clock that is ahead as just ended", () => {
    const window = rateWindow(NOON - 10 * MINUTE)
    window.requests([row("1", 5 * MINUTE)], NOON)
    expect(window.read(NOON + MINUTE + 1)).toMatchObject({ requests_per_min: 0 })
  })
})

describe("swaps of an hour", () => {
  const cases: [string, ReturnType<typeof became>[], { swaps_1h: number; swap_ms_1h: number }][] = [
    ["a load", [became("starting", 0), became("ready", 7_000)], { swaps_1h: 1, swap_ms_1h: 7_000 }],
    [
      "the same load told twice",
      [became("starting", 0), became("ready", 7_000), became("starting", 0), became("ready", 7_000)],
      { swaps_1h: 1, swap_ms_1h: 7_000 },
    ],
    [
      "a load that failed",
      [became("starting", 0), became("error", 3_000)],
      { swaps_1h: 1, swap_ms_1h: 3_000 },
    ],
    ["a load whose start was not seen", [became("ready", 7_000)], { swaps_1h: 0, swap_ms_1h: 0 }],
    [
      "two models at once",
      [
        became("starting", 0, "a"),
        became("starting", 1_000, "b"),
        became("ready", 2_000, "a"),
        became("ready", 4_000, "b"),
      ],
      { swaps_1h: 2, swap_ms_1h: 5_000 },
    ],
    [
      "one that ended more than an hour ago",
      [became("starting", -61 * MINUTE), became("ready", -60 * MINUTE)],
      { swaps_1h: 0, swap_ms_1h: 0 },
    ],
  ]
  it.each(cases)("count %s", (_what, transitions, counted) => {
    const window = rateWindow(NOON - 120 * MINUTE)
    window.transitions(transitions)
    expect(window.read(NOON)).toMatchObject(counted)
  })
})
