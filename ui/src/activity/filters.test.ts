import { describe, expect, it } from "vitest"
import { aRow } from "../test/examples.ts"
import { NO_FILTERS, apiQueryOf, filtersOf, isFiltered, locationOf, matches } from "./filters.ts"
import type { Filters } from "./filters.ts"

const failed = aRow(1, { status_code: 502, error: "upstream closed", source: null })

describe("whether a live row belongs into a list", () => {
  it.each<[string, Partial<Filters>, boolean, boolean]>([
    ["no filter", {}, true, true],
    ["its host", { hosts: ["box"] }, true, true],
    ["another host", { hosts: ["other"] }, false, false],
    ["one of two models", { models: ["x", "qwen3-8b"] }, true, true],
    ["a source, which an unlabelled row has not", { sources: ["boochat"] }, true, false],
    ["ok", { statuses: ["ok"] }, true, false],
    ["errors", { statuses: ["error"] }, false, true],
    ["a code", { statuses: ["502"] }, false, true],
    ["ok or a code", { statuses: ["ok", "502"] }, true, true],
    ["text in the path, any case", { text: "CHAT/comp" }, true, true],
    ["text in the error", { text: "closed" }, false, true],
    ["text that is nowhere", { text: "nothing" }, false, false],
  ])("%s", (_name, filters, good, bad) => {
    const all = { ...NO_FILTERS, ...filters }
    expect([matches(aRow(1), all), matches(failed, all)]).toEqual([good, bad])
  })

  it("takes an aborted request that ended with 200 for an error", () => {
    const aborted = aRow(2, { status_code: 200, error: "client went away" })
    expect(matches(aborted, { ...NO_FILTERS, statuses: ["ok"] })).toBe(false)
  })
})

describe("filters in the address", () => {
  const filters: Filters = {
    hosts: ["a", "b"],
    models: ["m/1"],
    sources: ["boochat"],
    statuses: ["error"],
    text: "x y",
  }

  it("come back as they went in", () => {
    expect(
      filtersOf({ host: ["a", "b"], model: ["m/1"], source: ["boochat"], status: ["error"], q: "x y" }),
    ).toEqual(filters)
    expect(locationOf(filters)).toEqual({
      host: ["a", "b"],
      model: ["m/1"],
      source: ["boochat"],
      status: ["error"],
      q: "x y",
    })
    expect(locationOf(NO_FILTERS)).toEqual({})
  })

  it("leave out what the hub would refuse", () => {
    expect(filtersOf({ host: "No Such/Host", status: ["nonsense", "404"], q: null })).toEqual({
      ...NO_FILTERS,
      statuses: ["404"],
    })
  })

  it("are asked of the hub by its own names", () => {
    expect(apiQueryOf(filters)).toEqual({
      provider_id: ["a", "b"],
      model: ["m/1"],
      source: ["boochat"],
      status: ["error"],
      q: "x y",
    })
    expect([isFiltered(filters), isFiltered(NO_FILTERS)]).toEqual([true, false])
  })
})
