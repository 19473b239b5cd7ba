import fc from "fast-check"
import { expect, it } from "vitest"
import { GPU_METRICS, SYS_METRICS } from "./aggregate.ts"
import type { GpuAggregate, Metrics } from "./aggregate.ts"
import { gpuAverageText, sysAverageText } from "./average-text.ts"

const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
const aggregate = fc.record({ count: fc.nat(), sum: finite, min: finite, max: finite, last: finite })
const metricsOf = (names: readonly string[]): fc.Arbitrary<Metrics> =>
  fc.dictionary(fc.constantFrom(...names, "of_another_version", "x"), aggregate, { noNullPrototype: true })
const gpu: fc.Arbitrary<GpuAggregate> = fc.record({
  index: fc.nat(),
  uuid: fc.option(fc.string()),
  name: fc.option(fc.string({ unit: "grapheme" })),
  metrics: metricsOf(GPU_METRICS),
})
const gpus = fc.dictionary(fc.stringMatching(/^(GPU|index)-[a-z0-9]{1,9}$/), gpu, { noNullPrototype: true })

it("reads as what it was made of", () => {
  fc.assert(
    fc.property(gpus, metricsOf(SYS_METRICS), (gpu_agg, sys_agg) => {
      expect(JSON.parse(gpuAverageText(gpu_agg) ?? "")).toEqual(gpu_agg)
      expect(JSON.parse(sysAverageText(sys_agg) ?? "")).toEqual(sys_agg)
    }),
  )
})

it("is the same text whatever order its parts came in", () => {
  const turned = <T>(object: Record<string, T>): Record<string, T> =>
    Object.fromEntries(Object.entries(object).reverse())
  fc.assert(
    fc.property(gpus, (gpu_agg) => {
      const other = Object.entries(turned(gpu_agg)).map(([key, one]) => [
        key,
        { ...turned<unknown>({ ...one }), metrics: turned(one.metrics) } as GpuAggregate,
      ])
      expect(gpuAverageText(Object.fromEntries(other))).toBe(gpuAverageText(gpu_agg))
    }),
  )
})

it("is nothing where nothing was read", () => {
  expect([gpuAverageText(null), sysAverageText(null)]).toEqual([null, null])
})
