import { expect, it } from "vitest"
import { histogram } from "./activity-stats.ts"

it("has no histogram where no rate is known", () => {
  expect(histogram([-1, 0, 0])).toBeNull()
})

it("puts equal rates into one bin without a width", () => {
  expect(histogram([7, 7, -1])).toMatchObject({ bins: [2], binSize: 0, min: 7, max: 7 })
})

it("counts every known rate in one of 5 to 20 bins", () => {
  const rates = Array.from({ length: 300 }, (_, index) => index + 1)
  const result = histogram(rates)
  expect(result?.bins.reduce((sum, count) => sum + count, 0)).toBe(300)
  expect(result?.bins.length).toBe(10)
  expect(result?.p50).toBe(151)
})
