import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { GPU_KIND_NAMES, gpuKind } from "./kinds.ts"
import { type GpuLoad, idleReading, stepGpu } from "./physics.ts"

const IDLE: GpuLoad = { prefill: 0, decode: 0, loading: 0, memoryMib: 0, processes: 0 }
const BUSY: GpuLoad = { prefill: 0.2, decode: 0.8, loading: 0, memoryMib: 20_000, processes: 1 }

function run(load: GpuLoad, seconds: number, from = idleReading(gpuKind("rtx-3090"))) {
  let reading = from
  for (let second = 0; second < seconds; second++) {
    reading = stepGpu(gpuKind("rtx-3090"), reading, { load, ms: 1000, noise: 0 })
  }
  return reading
}

describe("a card", () => {
  it("draws more and clocks higher at once under load, and heats up slowly", () => {
    const soon = run(BUSY, 2)
    const later = run(BUSY, 120)
    expect(soon.powerW).toBeGreaterThan(200)
    expect(soon.utilization).toBeGreaterThan(90)
    expect(soon.smMhz).toBeGreaterThan(1500)
    expect(soon.temperatureC).toBeLessThan(45)
    expect(later.temperatureC).toBeGreaterThan(60)
    expect(later.fanPercent).toBeGreaterThan(40)
  })

  it("cools down again", () => {
    const cold = run(IDLE, 300, run(BUSY, 120))
    expect(cold.temperatureC).toBeLessThan(40)
    expect(cold.utilization).toBe(0)
    expect(cold.pstate).toBe(8)
  })

  it("never leaves what its kind can do, whatever it is asked", () => {
    const share = fc.double({ min: 0, max: 3, noNaN: true })
    const steps = fc.array(
      fc.record({
        prefill: share,
        decode: share,
        loading: share,
        ms: fc.integer({ min: 1, max: 60_000 }),
        noise: fc.double({ min: -1, max: 1, noNaN: true }),
      }),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(fc.constantFrom(...GPU_KIND_NAMES), steps, (name, all) => {
        const kind = gpuKind(name)
        let reading = idleReading(kind)
        for (const { ms, noise, ...work } of all) {
          reading = stepGpu(kind, reading, { load: { ...work, memoryMib: 1e6, processes: 1 }, ms, noise })
          expect(reading.utilization).toBeGreaterThanOrEqual(0)
          expect(reading.utilization).toBeLessThanOrEqual(100)
          expect(reading.memoryUsedMib).toBeLessThanOrEqual(kind.memoryMib)
          expect(reading.powerW).toBeGreaterThan(0)
          expect(reading.powerW).toBeLessThanOrEqual(kind.powerLimitW * 1.02)
          expect(reading.temperatureC).toBeLessThanOrEqual(kind.hotC + 1)
        }
      }),
    )
  })
})
