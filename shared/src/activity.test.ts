import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { ActivityData, AttributionBasis, surenessOf } from "./activity.ts"

it("holds what is surer for surer, and what nobody said for the least sure", () => {
  const ways = [null, ...AttributionBasis.options.toReversed()]
  expect(ways.map(surenessOf)).toEqual(ways.map((_, index) => index))
  expect(ways.at(-1)).toBe("exact")
})

it("takes rows and enrichments of a sidecar that does not say how it found a caller", () => {
  const text = readFileSync(new URL("../fixtures/v1/activity.json", import.meta.url), "utf8")
  const { data } = JSON.parse(text) as { data: unknown }
  const { rows, enrichments } = ActivityData.parse(data)
  const ways = [...rows, ...(enrichments ?? [])].map(({ attribution }) => attribution)
  expect(ways.length).toBeGreaterThan(1)
  expect(new Set(ways)).toEqual(new Set([undefined]))
})
