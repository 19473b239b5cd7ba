import { HostId } from "@boocontrol/shared/ids"
import { describe, expect, it } from "vitest"
import { unattributedOf, withCost } from "./costs.ts"
import type { SummedRow } from "./costs.ts"

const row = (tokens: Partial<SummedRow>): SummedRow => ({
  provider_id: HostId.parse("sam-desktop"),
  model: "qwen3-4b",
  source: "boochat",
  requests: 3,
  errors: 0,
  prompt_tokens: null,
  cache_tokens: null,
  output_tokens: null,
  gen_tps_mean: null,
  prompt_tps_mean: null,
  duration_ms_mean: null,
  ...tokens,
})
const measured = {
  priceOf: () => ({ inputPerMtok: 0.5, cachedInputPerMtok: 0, outputPerMtok: 2, perKwh: 0.25 }),
}

describe("what tokens cost", () => {
  it.each([
    ["prompt and output", { prompt_tokens: 1e6, output_tokens: 1e6 }, 2.5, 10_000],
    ["what was in the cache costs nothing", { prompt_tokens: 1e6, cache_tokens: 6e5 }, 0.2, 800],
    ["more cached than there was to read", { prompt_tokens: 5, cache_tokens: 9, output_tokens: 0 }, 0, 0],
    ["output alone", { output_tokens: 5e5 }, 1, 4_000],
    ["no counts", {}, null, null],
  ])("%s", (_what, tokens, cost, energy) => {
    const priced = withCost(row(tokens), measured)
    const rounded = (value: number | null) => value && Number(value.toFixed(9))
    expect([rounded(priced.cost), rounded(priced.energy_wh)]).toEqual([cost, energy])
  })

  it("is unknown where nothing was measured", () => {
    expect(withCost(row({ output_tokens: 9 }), { priceOf: () => null })).toMatchObject({
      cost: null,
      energy_wh: null,
    })
  })
})

it.each([
  ["nothing", [], null],
  ["all known", [{ source: "a", requests: 4 }], 0],
  [
    "a quarter unknown",
    [
      { source: null, requests: 1 },
      { source: "a", requests: 3 },
    ],
    0.25,
  ],
])("the share of requests nobody claims, of %s", (_what, rows, share) => {
  expect(unattributedOf(rows)).toBe(share)
})
