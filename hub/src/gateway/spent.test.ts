import { expect, it } from "vitest"
import { spentOf } from "./spent.ts"
import type { Spent, SpentBy } from "./spent.ts"

const price = { inputPerMtok: 2, cachedInputPerMtok: 0.2, outputPerMtok: 10 }
const usage = { promptTokens: 1_000, cacheTokens: 0, outputTokens: 500, promptMs: null, predictedMs: null }
const ask = {
  ...({ endpoint: "chat", servedBy: "any" } as const),
  ...{ promptBytes: 4_000, hasImages: false, stream: false },
}
const answered: SpentBy = { outcome: "answered", status: 200, usage, bytes: 9_000, price, ask }

it.each<[string, Partial<SpentBy>, Spent]>([
  ["what the host says, at its price", {}, { tokens: 1_500, money: 0.007 }],
  [
    "what came from a cache at its own price",
    { usage: { ...usage, cacheTokens: 900 } },
    { tokens: 1_500, money: (100 * 2 + 900 * 0.2 + 500 * 10) / 1e6 },
  ],
  [
    "no more from a cache than there was to read",
    { usage: { ...usage, cacheTokens: 1_024 } },
    { tokens: 1_500, money: (1_000 * 0.2 + 500 * 10) / 1e6 },
  ],
  ["no money where the price is not known", { price: null }, { tokens: 1_500, money: null }],
  [
    "nothing for a refusal",
    { outcome: "refused", usage: null, bytes: 300, price: null },
    { tokens: 0, money: 0 },
  ],
  ["nothing for an error of the request", { status: 400, usage: null }, { tokens: 0, money: 0 }],
  [
    "nothing for a count of tokens",
    { usage: null, ask: { ...ask, endpoint: "count_tokens" } },
    { tokens: 0, money: 0 },
  ],
  [
    "nothing for a look at a loaded model",
    { usage: null, ask: { ...ask, endpoint: "other", servedBy: "loaded" } },
    { tokens: 0, money: 0 },
  ],
  [
    "no bytes of sound as tokens",
    { usage: null, bytes: 4_000_000, ask: { ...ask, endpoint: "speech" } },
    { tokens: 1_000, money: 0.002 },
  ],
  [
    "no bytes of a file as tokens, but of the text that was made of it",
    { usage: null, bytes: 800, ask: { ...ask, endpoint: "transcription", promptBytes: 40_000_000 } },
    { tokens: 1_200, money: 0.004 },
  ],
  ["nothing where no byte came", { outcome: "left", usage: null, bytes: 0 }, { tokens: 0, money: 0 }],
])("counts %s", (_, changes, expected) => {
  expect(spentOf({ ...answered, ...changes })).toEqual(expected)
})

it("counts by what has passed where the end was not seen, streamed or not", () => {
  const cut = { ...answered, usage: null, outcome: "left", bytes: 2_000 } as const
  const whole = spentOf(cut)
  const streamed = spentOf({ ...cut, ask: { ...ask, stream: true } })
  expect(whole.tokens - streamed.tokens).toBe(500 - 10)
  expect(whole.money).toBeCloseTo(streamed.money === null ? NaN : streamed.money + (490 * 10) / 1e6, 12)
})
