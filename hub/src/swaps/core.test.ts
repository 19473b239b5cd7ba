import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { costsOf, energyOver, lengthOf, modelEnergy, swapsOf, thrashOf, unionOf } from "./core.ts"
import type { Change, PowerSlot } from "./ports.ts"

const ALL = { fromMs: 0, toMs: 1_000_000 }
const change = (model: string, state: string, atMs: number): Change => ({ model, state, atMs })

/** Loads and unloads of the models named, one after the other, each load 1 s long and 10 s apart. */
const turns = (models: readonly string[], everyMs = 10_000): Change[] =>
  models.flatMap((model, index) => [
    change(model, "starting", index * everyMs),
    change(model, "ready", index * everyMs + 1_000),
    change(model, "stopped", (index + 1) * everyMs - 500),
  ])

describe("a swap", () => {
  it.each([
    ["starting, then ready", ["starting", "ready"], { kind: "load", failed: false }],
    ["starting, then error", ["starting", "error"], { kind: "load", failed: true }],
    ["starting, then stopped", ["starting", "stopped"], { kind: "load", failed: true }],
    ["stopping, then stopped", ["stopping", "stopped"], { kind: "unload", failed: false }],
  ])("is seen in %s", (_, [first = "", second = ""], expected) => {
    const swaps = swapsOf([change("m", first, 100), change("m", second, 400)], ALL)
    expect(swaps).toEqual([{ model: "m", fromMs: 100, toMs: 400, ...expected }])
  })

  it("is not made of a load that is still going on, or of a model that only stopped", () => {
    expect(
      swapsOf([change("m", "ready", 1), change("m", "stopped", 2), change("m", "starting", 3)], ALL),
    ).toEqual([])
  })

  it("belongs to the range in which it ended", () => {
    const changes = [change("m", "starting", 100), change("m", "ready", 400)]
    expect(swapsOf(changes, { fromMs: 200, toMs: 500 })).toHaveLength(1)
    expect(swapsOf(changes, { fromMs: 0, toMs: 400 })).toHaveLength(0)
  })
})

describe("the cost of swaps", () => {
  it("sums loads by model, the dearest first, and gives a mean of those that became ready", () => {
    const changes = [
      ...[change("a", "starting", 0), change("a", "ready", 2_000), change("a", "stopping", 3_000)],
      ...[change("a", "stopped", 3_500), change("a", "starting", 4_000), change("a", "error", 5_000)],
      ...[change("b", "starting", 10_000), change("b", "ready", 19_000)],
    ]
    const slots = [{ startMs: 0, endMs: 1_000, watts: 50 }]
    expect(costsOf(swapsOf(changes, ALL), slots)).toEqual([
      {
        ...{ model: "b", loads: 1, failed: 0, load_ms: 9_000, load_ms_mean: 9_000, unload_ms: 0 },
        load_joules: null,
      },
      {
        ...{ model: "a", loads: 2, failed: 1, load_ms: 3_000, load_ms_mean: 2_000, unload_ms: 500 },
        load_joules: 50,
      },
    ])
  })
})

describe("thrashing", () => {
  it("is two models that replaced each other at least four times within ten minutes", () => {
    expect(thrashOf(swapsOf(turns(["a", "b", "a", "b"]), ALL))).toEqual([])
    expect(thrashOf(swapsOf(turns(["a", "b", "a", "b", "a"]), ALL))).toEqual([
      {
        models: ["a", "b"],
        swaps: 4,
        from: "1970-01-01T00:00:10.000Z",
        to: "1970-01-01T00:00:40.000Z",
      },
    ])
  })

  it("is not a model that comes and goes alone, nor swaps that are hours apart", () => {
    expect(thrashOf(swapsOf(turns(["a", "a", "a", "a", "a", "a"]), ALL))).toEqual([])
    const slow = turns(["a", "b", "a", "b", "a", "b"], 3_600_000)
    expect(thrashOf(swapsOf(slow, { fromMs: 0, toMs: 30_000_000 }))).toEqual([])
  })

  it("makes one mark of a long bout, and tells two pairs apart", () => {
    const models = ["a", "b", "a", "b", "a", "b", "c", "d", "c", "d", "c"]
    expect(thrashOf(swapsOf(turns(models), ALL)).map(({ models: pair, swaps }) => [pair, swaps])).toEqual([
      [["a", "b"], 5],
      [["c", "d"], 4],
    ])
  })
})

describe("energy", () => {
  const slots: PowerSlot[] = [
    { startMs: 0, endMs: 10_000, watts: 100 },
    { startMs: 20_000, endMs: 30_000, watts: 300 },
  ]

  it("is power over time, only where power is known", () => {
    expect(energyOver([{ fromMs: 5_000, toMs: 25_000 }], slots)).toEqual({ joules: 2_000, coveredMs: 10_000 })
    expect(energyOver([{ fromMs: 10_000, toMs: 20_000 }], slots)).toEqual({ joules: null, coveredMs: 0 })
  })

  it("is shared by models that run at the same time, and divided by their tokens", () => {
    const ran = (model: string, endMs: number, durationMs: number) => ({
      ...{ model, endMs, durationMs, promptTokens: 150, outputTokens: 50 },
    })
    const energy = modelEnergy([ran("a", 10_000, 10_000), ran("b", 10_000, 5_000)], slots, ALL)
    expect(
      energy.map(({ model, joules, joules_per_1k_tokens }) => [model, joules, joules_per_1k_tokens]),
    ).toEqual([
      ["a", 750, 3_750],
      ["b", 250, 1_250],
    ])
  })

  it("is unknown, not zero, where no power was measured, and per token only where tokens are known", () => {
    const [none] = modelEnergy(
      [{ model: "a", endMs: 15_000, durationMs: 1_000, promptTokens: 5, outputTokens: 5 }],
      slots,
      ALL,
    )
    expect(none).toMatchObject({ joules: null, joules_per_1k_tokens: null, measured: 0, busy_ms: 1_000 })
    const [untold] = modelEnergy(
      [{ model: "a", endMs: 5_000, durationMs: 1_000, promptTokens: null, outputTokens: null }],
      slots,
      ALL,
    )
    expect(untold).toMatchObject({ joules: 100, joules_per_1k_tokens: null, measured: 1 })
  })

  const span = fc
    .tuple(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 1, max: 9_000 }))
    .map(([fromMs, ms]) => ({ fromMs, toMs: fromMs + ms }))

  it("of all models together is the energy of the time in which any of them ran", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), span), { maxLength: 30 }), (given) => {
        const requests = given.map(([model, { fromMs, toMs }]) => ({
          ...{ model, endMs: toMs, durationMs: toMs - fromMs, promptTokens: 1, outputTokens: 1 },
        }))
        const together = energyOver(unionOf(given.map(([, one]) => one)), slots)
        const sum = modelEnergy(requests, slots, ALL).reduce((all, { joules }) => all + (joules ?? 0), 0)
        expect(sum).toBeCloseTo(together.joules ?? 0, 6)
      }),
    )
  })

  it("counts each moment of overlapping spans once", () => {
    fc.assert(
      fc.property(fc.array(span, { maxLength: 20 }), (spans) => {
        const union = unionOf(spans)
        const moments = new Set(spans.flatMap(({ fromMs, toMs }) => [fromMs, toMs - 1]))
        for (const ms of moments)
          expect(union.filter((one) => one.fromMs <= ms && ms < one.toMs)).toHaveLength(1)
        expect(lengthOf(union)).toBeLessThanOrEqual(lengthOf(spans))
      }),
    )
  })
})
