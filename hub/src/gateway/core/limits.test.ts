import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { admit, allows, estimateTokens, settle, unusedKey } from "./limits.ts"
import type { KeyLimits } from "./limits.ts"

const NONE: KeyLimits = {
  ...{ requests_per_min: null, tokens_per_min: null, tokens_per_day: null, tokens_per_month: null },
  ...{ money_per_day: null, money_per_month: null },
}
const NOON = Date.UTC(2026, 10, 30, 12)

describe("limits of a key", () => {
  it("are exact at the bound, in any minute", () => {
    const use = unusedKey(NOON)
    const limits = { ...NONE, requests_per_min: 3 }
    const at = (ms: number) => admit(use, limits, { nowMs: NOON + ms, tokens: 0 }).ok
    expect([0, 30_000, 59_999].map(at)).toEqual([true, true, true])
    expect(admit(use, limits, { nowMs: NOON + 59_999, tokens: 0 })).toEqual({
      ...{ ok: false, limit: "requests_per_min", retryAfterS: 1 },
    })
    expect([60_000, 60_001, 90_000].map(at)).toEqual([true, false, true])
  })

  it("never let more through in any minute than they say, whenever requests come", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 200_000 })),
        fc.integer({ min: 1, max: 5 }),
        (times, most) => {
          const use = unusedKey(NOON)
          const limits = { ...NONE, requests_per_min: most }
          const sorted = times.toSorted((a, b) => a - b)
          const let_in = sorted.filter((ms) => admit(use, limits, { nowMs: NOON + ms, tokens: 0 }).ok)
          for (const from of let_in)
            expect(let_in.filter((ms) => ms >= from && ms < from + 60_000).length).toBeLessThanOrEqual(most)
        },
      ),
    )
  })

  it("hold across streams that run at once", () => {
    const use = unusedKey(NOON)
    const limits = { ...NONE, tokens_per_day: 1000 }
    const begin = () => admit(use, limits, { nowMs: NOON, tokens: 400 }).ok
    expect([begin(), begin(), begin()]).toEqual([true, true, false])
    settle(use, { nowMs: NOON, reserved: 400, tokens: 200, money: 0 })
    expect([begin(), begin()]).toEqual([true, false])
    settle(use, { nowMs: NOON, reserved: 400, tokens: 400, money: 0 })
    settle(use, { nowMs: NOON, reserved: 400, tokens: 400, money: 0 })
    expect(use).toMatchObject({ reserved: 0, dayTokens: 1000 })
    expect(admit(use, limits, { nowMs: NOON, tokens: 1 })).toMatchObject({
      limit: "tokens_per_day",
      retryAfterS: 43_200,
    })
    expect(admit(use, limits, { nowMs: NOON + 43_200_000, tokens: 1 }).ok).toBe(true)
  })

  it("that a request alone is more than are no matter of waiting", () => {
    const limits = { ...NONE, tokens_per_min: 100, tokens_per_day: 1_000 }
    const of = (tokens: number) => admit(unusedKey(NOON), limits, { nowMs: NOON, tokens })
    expect([of(100).ok, of(101)]).toEqual([true, { ok: false, limit: "tokens_per_min", retryAfterS: null }])
  })

  it("in money hold across streams that run at once: each may be as dear as the dearest", () => {
    const use = unusedKey(NOON)
    const limits = { ...NONE, money_per_day: 10 }
    const begin = () => admit(use, limits, { nowMs: NOON, tokens: 0 })
    const end = (money: number) => settle(use, { nowMs: NOON, reserved: 0, tokens: 0, money })
    expect(begin().ok).toBe(true)
    end(3)
    expect([begin().ok, begin().ok]).toEqual([true, true])
    expect(begin()).toEqual({ ok: false, limit: "money_per_day", retryAfterS: 5 })
    end(2)
    end(3)
    expect(use.dayMoney).toBe(8)
    // Alone it may have what is left.
    expect([begin().ok, begin().ok]).toEqual([true, false])
    end(3)
    expect(begin()).toMatchObject({ ok: false, retryAfterS: 43_200 })
  })

  it("in money are passed by one request at most, whatever runs at once, where none is dearer than one before", () => {
    const step = fc.oneof(fc.constant("begin" as const), fc.constant("end" as const))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (steps, limit) => {
        const use = unusedKey(NOON)
        settle(use, { nowMs: NOON, reserved: 0, tokens: 0, money: 4 })
        let running = 0
        for (const each of steps) {
          const limits = { ...NONE, money_per_day: limit }
          if (each === "begin") running += admit(use, limits, { nowMs: NOON, tokens: 0 }).ok ? 1 : 0
          else if (running > 0) {
            running -= 1
            settle(use, { nowMs: NOON, reserved: 0, tokens: 0, money: 4 })
          }
        }
        while (running-- > 0) settle(use, { nowMs: NOON, reserved: 0, tokens: 0, money: 4 })
        expect(use.dayMoney).toBeLessThan(Math.max(limit, 4) + 4)
      }),
    )
  })

  it("begin anew with the day and the month", () => {
    const use = unusedKey(NOON)
    settle(use, { nowMs: NOON, reserved: 0, tokens: 10, money: 2 })
    const month = { ...NONE, money_per_month: 2 }
    expect(admit(use, month, { nowMs: NOON, tokens: 0 })).toMatchObject({ ok: false, retryAfterS: 43_200 })
    expect(admit(use, month, { nowMs: NOON + 43_200_000, tokens: 0 }).ok).toBe(true)
    expect(use).toMatchObject({ dayTokens: 0, monthTokens: 0, dayMoney: 0, monthMoney: 0 })
  })
})

it("estimates tokens from bytes and what the client allows", () => {
  const chat = { endpoint: "chat", servedBy: "any", hasImages: false, maxTokens: null } as const
  expect(estimateTokens({ ...chat, promptBytes: 401, maxTokens: 100 })).toBe(201)
  expect(estimateTokens({ ...chat, promptBytes: 5_000_000, hasImages: true })).toBe(1000)
  expect(estimateTokens({ ...chat, promptBytes: null, maxTokens: -1 })).toBe(0)
  expect(estimateTokens({ ...chat, promptBytes: 5_000_000, endpoint: "transcription" })).toBe(1000)
  expect(estimateTokens({ ...chat, promptBytes: 400, endpoint: "images" })).toBe(100)
  expect(estimateTokens({ ...chat, promptBytes: 400, endpoint: "count_tokens" })).toBe(0)
  expect(estimateTokens({ ...chat, promptBytes: 400, endpoint: "other", servedBy: "loaded" })).toBe(0)
})

it.each([
  [["m"], "m", true],
  [["m"], "mm", false],
  [["auto:*", "q*4"], "auto:code", true],
  [["q*4"], "q4", true],
  [["q4*4"], "q4", false],
  [["*coder*"], "qwen3-coder-30b", true],
  [["*coder*"], "qwen3-30b", false],
  [[], "m", false],
])("%j allows %s: %s", (patterns, model, allowed) => {
  expect(allows(patterns, model)).toBe(allowed)
})
