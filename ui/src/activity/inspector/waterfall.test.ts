import type { ActivityRow } from "@boocontrol/shared/activity"
import { HostId } from "@boocontrol/shared/ids"
import { Instant, epochMsOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import type { Timings } from "./read/draft.ts"
import { barOf, waterfallOf } from "./waterfall.ts"

const END = Instant.parse("2026-11-26T10:01:00.000Z")
const at = (seconds: number) => Instant.parse(new Date(epochMsOf(END) + seconds * 1000).toISOString())
const row = (given: Partial<ActivityRow> = {}) => ({
  ...{ ts: END, duration_ms: 10_000, model: "qwen", provider_id: HostId.parse("box") },
  ...{ uncached_tokens: 1_000, output_tokens: 100, prompt_tps: 500, gen_tps: 50 },
  ...given,
})
const timings = (promptMs: number | null, predictedMs: number | null): Timings => ({
  ...{ promptMs, predictedMs, promptTokens: null, predictedTokens: null },
  ...{ cachedTokens: null, draftTokens: null, draftAccepted: null },
})
const event = (state: string, seconds: number, model = "qwen", provider_id = "box") => ({
  ...{ provider_id, model, state, ts: at(seconds), detail: null },
})
const partsOf = (given: ReturnType<typeof waterfallOf>) =>
  given.stretches.map(({ name, ms, basis }) => [name, Math.round(ms), basis])

describe("where the time went", () => {
  it("is measured where the server had a clock on it, and the rest was a wait", () => {
    expect(partsOf(waterfallOf(row(), timings(1_500, 2_500), []))).toEqual([
      ["queue", 6_000, "inferred"],
      ["prefill", 1_500, "measured"],
      ["decode", 2_500, "measured"],
    ])
  })

  it("is inferred from tokens and speeds where it had none", () => {
    expect(partsOf(waterfallOf(row(), null, []))).toEqual([
      ["queue", 6_000, "inferred"],
      ["prefill", 2_000, "inferred"],
      ["decode", 2_000, "inferred"],
    ])
  })

  it("was a load as far as the model was seen loading within it", () => {
    const events = [
      event("starting", -12),
      event("ready", -5),
      event("starting", -9, "other"),
      event("starting", -9, "qwen", "attic"),
    ]
    expect(partsOf(waterfallOf(row(), timings(1_000, 2_000), events))).toEqual([
      ["queue", 2_000, "inferred"],
      ["load", 5_000, "measured"],
      ["prefill", 1_000, "measured"],
      ["decode", 2_000, "measured"],
    ])
  })

  it("is not known where the engine says nothing", () => {
    const silent = row({ uncached_tokens: null, output_tokens: null, prompt_tps: null, gen_tps: null })
    expect(partsOf(waterfallOf(silent, null, []))).toEqual([["unknown", 10_000, "inferred"]])
    expect(waterfallOf(row({ duration_ms: null }), null, []).stretches).toEqual([])
  })

  it("never leaves its bar, also where the parts are longer than the whole", () => {
    const bar = barOf(waterfallOf(row({ duration_ms: 1_000 }), timings(900, 900), []))
    expect(bar.map(({ start, width }) => [start, width])).toEqual([
      [0, 0.5],
      [0.5, 0.5],
    ])
  })
})
