import type { ActivityStatsRow } from "@boocontrol/shared/activity"
import { HostId } from "@boocontrol/shared/ids"
import { expect, it } from "vitest"
import { attributed, sourceLines } from "./sources.ts"

const row = (given: Partial<ActivityStatsRow>): ActivityStatsRow => ({
  provider_id: HostId.parse("sam-desktop"),
  model: "qwen3-4b",
  source: "boochat",
  requests: 1,
  errors: 0,
  prompt_tokens: 100,
  cache_tokens: 0,
  output_tokens: 10,
  gen_tps_mean: null,
  prompt_tps_mean: null,
  duration_ms_mean: null,
  energy_wh: null,
  cost: null,
  ...given,
})

it("adds up what each source asked for, the busiest first and what nobody claims last", () => {
  const lines = sourceLines({
    rows: [
      row({ source: null, requests: 6 }),
      row({ requests: 1, duration_ms_mean: 1_000, energy_wh: 1.5, cost: 0.02 }),
      row({ model: "glm", requests: 3, duration_ms_mean: 3_000, energy_wh: 0.5, cost: 0.01, errors: 2 }),
      row({ source: "nightly", requests: 2, prompt_tokens: null, output_tokens: null }),
    ],
  })
  expect(lines.map(({ source, requests, share }) => [source, requests, share])).toEqual([
    ["boochat", "4", "33 %"],
    ["nightly", "2", "17 %"],
    [null, "6", "50 %"],
  ])
  expect(lines[0]).toMatchObject({
    ...{ errors: "2", prompt: "200", output: "20", mean: "2.5 s", energy: "2.00 Wh", cost: "0.0300" },
  })
  expect(lines[1]).toMatchObject({ prompt: "–", mean: "–", energy: "–", cost: "–" })
})

it.each([
  [null, "–"],
  [0, "100.0"],
  [0.016, "98.4"],
])("of %s that nobody claims says %s known", (unattributed, text) => {
  expect(attributed({ unattributed })).toBe(text)
})
