import { describe, expect, it } from "vitest"
import { NOW, aGpu, aHost, aModel, aSample } from "../../test/examples.ts"
import { fractionOf, machineView, sumKnown, vramView } from "./vram.ts"

const GIB = 1024
const gpu = (usedGib: number | null, totalGib = 24, given = {}) =>
  aGpu({ mem_used_mib: usedGib === null ? null : usedGib * GIB, mem_total_mib: totalGib * GIB, ...given })

describe("what fits", () => {
  const small = aModel({ id: "small", vram_mib: 4 * GIB })
  const large = aModel({ id: "large", vram_mib: 30 * GIB })
  const unmeasured = aModel({ id: "unmeasured" })
  it.each([
    ["one that fits", [small, large], [gpu(10)], "14.0 free · small fits"],
    [
      "two that fit: the largest is named",
      [small, aModel({ id: "mid", vram_mib: 8 * GIB })],
      [gpu(10)],
      "14.0 free · mid and 1 more fit",
    ],
    ["none, and all sizes are known", [large], [gpu(10)], "14.0 free · no other fits"],
    ["none known to fit, but one was never measured", [large, unmeasured], [gpu(10)], "14.0 free"],
    [
      "room only over two cards together: not certain",
      [aModel({ id: "split", vram_mib: 20 * GIB })],
      [gpu(10), gpu(10)],
      "28.0 free",
    ],
    ["all loaded already", [aModel({ id: "in", state: "ready", vram_mib: GIB })], [gpu(10)], "14.0 free"],
    ["something is loading", [aModel({ id: "x", state: "starting" }), small], [gpu(10)], "loading"],
    ["a card that sleeps", [small], [gpu(null, 24, { state: "asleep" })], "asleep, left so"],
    ["a card that is gone", [small], [gpu(null, 24, { state: "lost" })], "GPU lost"],
    ["a card that does not say", [small], [gpu(null)], "no reading"],
  ])("%s", (_name, models, gpus, words) => {
    expect(vramView(aHost({ models }), aSample(NOW, gpus)).words).toBe(words)
  })

  it("is not said without a reading of now, but the size of the card is", () => {
    expect(vramView(aHost({ models: [small] }), null)).toMatchObject({
      usedMib: null,
      totalMib: 24_576,
      words: "no reading",
      segments: [],
    })
  })

  it("a hidden model is not offered", () => {
    const host = aHost({ models: [aModel({ id: "small", vram_mib: GIB, hidden: true })] })
    expect(vramView(host, aSample(NOW, [gpu(10)])).words).toBe("14.0 free")
  })
})

describe("a machine without a GPU", () => {
  const host = aHost({ gpus: [] })
  it("shows its own memory", () => {
    const sys = {
      ...{ cpu_pct: null, load_1: null, swap_used_mib: null, swap_total_mib: null, disk_used_mib: null },
      ...{ disk_total_mib: null, net_rx_bytes_per_s: null, net_tx_bytes_per_s: null },
      ...{ mem_used_mib: 8 * GIB, mem_total_mib: 64 * GIB },
    }
    const sample = { ...aSample(NOW, []), sys }
    expect(machineView(host, sample)).toMatchObject({
      ...{ usedMib: 8 * GIB, totalMib: 64 * GIB, segments: [{ mib: 8 * GIB }] },
    })
  })

  it("shows how much it has before its first sample", () => {
    expect(machineView(host, null)).toMatchObject({
      ...{ usedMib: null, totalMib: 32 * GIB, segments: [] },
    })
  })
})

describe("whose memory it is", () => {
  const ready = (id: string, gib: number | null) =>
    aModel({ id, state: "ready", vram_mib: gib === null ? null : gib * GIB })
  const segments = (models: ReturnType<typeof ready>[], used: number) =>
    vramView(aHost({ models }), aSample(NOW, [gpu(used)])).segments.map(({ label, mib, faint }) => [
      label,
      mib / GIB,
      faint,
    ])

  it.each([
    [
      "measured ones, the rest unknown",
      [ready("a", 6), ready("b", 2)],
      10,
      [
        ["a", 6, false],
        ["b", 2, false],
        ["not known whose", 2, true],
      ],
    ],
    [
      "one that was never measured gets the rest",
      [ready("a", 6), ready("b", null)],
      10,
      [
        ["a", 6, false],
        ["b and others", 4, true],
      ],
    ],
    [
      "what loads gets the rest",
      [ready("a", 6), aModel({ id: "b", state: "starting" })],
      10,
      [
        ["a", 6, false],
        ["b, loading", 4, true],
      ],
    ],
    ["never more than is in use", [ready("a", 20)], 10, [["a", 10, false]]],
    ["no sliver for a desktop", [ready("a", 10)], 10.1, [["a", 10, false]]],
  ])("%s", (_name, models, used, expected) => {
    expect(segments(models, used)).toEqual(expected)
  })

  it("shows each card where there are several", () => {
    const view = vramView(aHost(), aSample(NOW, [gpu(12), gpu(6)]))
    expect(view.gpus.map(({ fraction }) => fraction)).toEqual([0.5, 0.25])
    expect([view.usedMib, view.totalMib]).toEqual([18 * GIB, 48 * GIB])
  })
})

describe("sums of what may be unknown", () => {
  it("leave the unknown out, and are unknown where all is", () => {
    expect([sumKnown([1, null, 2]), sumKnown([null]), sumKnown([])]).toEqual([3, null, null])
    expect([fractionOf(1, 4), fractionOf(9, 4), fractionOf(null, 4), fractionOf(1, 0)]).toEqual([
      0.25,
      1,
      null,
      null,
    ])
  })
})
