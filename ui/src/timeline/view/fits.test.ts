import { describe, expect, it } from "vitest"
import type { GpuSample } from "@boocontrol/shared/telemetry"
import { aGpu, aHost, aModel } from "../../test/examples.ts"
import { fitOf, measuredMib } from "./fits.ts"

const card = (total: number, used: number | null): GpuSample =>
  aGpu({ mem_total_mib: total, mem_used_mib: used })
const loaded = aHost({ models: [aModel({ id: "big", state: "ready" })] })
const empty = aHost({ models: [] })

describe("whether a model fits", () => {
  it.each([
    ["one card has room", 8_000, empty, [card(24_000, 10_000)], "yes"],
    [
      "no card has room, but a loaded model would leave",
      20_000,
      loaded,
      [card(24_000, 10_000)],
      "after-unload",
    ],
    ["no card has room and nothing of ours is loaded", 20_000, empty, [card(24_000, 10_000)], "unknown"],
    ["it is larger than the host", 50_000, loaded, [card(24_000, 0), card(24_000, 0)], "no"],
    ["it would have to be split", 30_000, empty, [card(24_000, 0), card(24_000, 0)], "unknown"],
    ["its size was never measured", null, empty, [card(24_000, 0)], "unknown"],
    ["there is no reading", 8_000, empty, [card(24_000, null)], "unknown"],
    ["there is no sample", 8_000, empty, null, "unknown"],
  ] as const)("where %s", (_, need, host, gpus, answer) => {
    expect(fitOf(need, host, gpus).answer).toBe(answer)
  })

  it("cannot be said of a host that is away", () => {
    expect(fitOf(1, aHost({ liveness: "down" }), [card(24_000, 0)]).answer).toBe("unknown")
  })

  it("says what is in the way", () => {
    expect(fitOf(20_480, loaded, [card(24_576, 10_240)]).why).toBe(
      "needs 20.0 GiB, 14.0 free: the rest is held by big",
    )
  })
})

describe("the size of a model", () => {
  it("is the largest that was seen anywhere, a peer's entry aside", () => {
    const hosts = [
      aHost({ models: [aModel({ id: "m", vram_mib: 5_000 }), aModel({ id: "n", vram_mib: 9_000 })] }),
      aHost({ provider_id: "b", models: [aModel({ id: "m", vram_mib: 6_000 })] }),
      aHost({ provider_id: "c", models: [aModel({ id: "m", vram_mib: 7_000, peer: "a" })] }),
    ]
    expect(measuredMib(hosts, "m")).toBe(6_000)
    expect(measuredMib(hosts, "x")).toBeNull()
  })
})
