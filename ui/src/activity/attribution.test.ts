import { AttributionBasis } from "@boocontrol/shared/activity"
import { expect, it } from "vitest"
import { aRow } from "../test/examples.ts"
import { attributionOf, waysOf } from "./attribution.ts"
import { detailLines } from "./details.ts"
import { cellsOf } from "./view.ts"

const found = (given: Parameters<typeof aRow>[1]) => {
  const row = aRow(1, given)
  const line = detailLines(row).find(({ name }) => name === "Caller found")
  return [line?.value, line?.title, cellsOf(row).source.why]
}

it("says of each way in words, where the source is named and among the facts", () => {
  const told = AttributionBasis.options.map((attribution) => {
    const way = attributionOf({ attribution, source: "boochat" })
    expect(found({ attribution, source: "boochat" })).toEqual([way?.text, way?.why, way?.why])
    return way?.text
  })
  expect(new Set(told).size).toBe(AttributionBasis.options.length)
})

it("says that nobody is known, or that it is from before it was kept", () => {
  expect(found({ attribution: null, source: null })).toEqual(["–", "Not known", "The client named no source"])
  const [text, why] = found({ attribution: null, source: "boochat" })
  expect([text, why]).toEqual(["not kept", "It is from before the way was kept"])
})

it("says how the callers of a client that names no source were found, too", () => {
  expect(found({ attribution: "only", source: null })[0]).toBe("the only one in flight")
})

const way = (attribution: AttributionBasis | null, requests: number, named = requests) => ({
  ...{ attribution, requests, with_source: named, share: requests / 1_000 },
})
it.each([
  [[], null],
  [[way("exact", 120), way("only", 880)], "from its capture 12.0 %, the only one in flight 88.0 %"],
  [[way("gateway", 990), way(null, 10, 4)], "sent by the gateway 99.0 %, not kept 0.4 %, nobody known 0.6 %"],
  [[way(null, 1_000, 0)], "nobody known 100.0 %"],
])("sums up %j", (rows, text) => {
  expect(waysOf({ rows, requests: 1_000 })).toBe(text)
})
