import { describe, expect, it } from "vitest"
import { NO_FILTERS } from "./filters.ts"
import { parseSaved, savedFilters, withSaved, withoutSaved } from "./saved.ts"

const errors = { ...NO_FILTERS, statuses: ["error"], hosts: ["rack-01"], text: "oom" }

describe("saved filters", () => {
  it("come back as they were", () => {
    const kept = parseSaved(JSON.stringify(withSaved([], " errors of the rack ", errors)))
    expect(kept.map(({ name }) => name)).toEqual(["errors of the rack"])
    expect(kept.map(savedFilters)).toEqual([errors])
  })

  it("take the place of one with the same name, newest first", () => {
    const both = withSaved(withSaved([], "a", errors), "b", NO_FILTERS)
    expect(withSaved(both, "a", { ...NO_FILTERS, text: "x" }).map(({ name }) => name)).toEqual(["a", "b"])
    expect(withoutSaved(both, "a").map(({ name }) => name)).toEqual(["b"])
    expect(withSaved(both, "  ", errors)).toEqual(both)
  })

  it.each([
    ["nothing", null],
    ["no JSON", "{"],
    ["no list", `{"name":"a"}`],
    ["no filters", `[1, null, {"name":"a"}, {"name":1,"query":{}}, {"name":"a","query":{"q":[1]}}]`],
  ])("are none where a browser kept %s", (_what, text) => expect(parseSaved(text)).toEqual([]))

  it("never become a filter that the page does not know", () => {
    const [odd] = parseSaved(`[{"name":"x","query":{"status":"drop table","host":"UPPER","q":"ok"}}]`)
    expect(odd && savedFilters(odd)).toEqual({ ...NO_FILTERS, text: "ok" })
  })
})
