import type { HostId } from "@boocontrol/shared/ids"
import { describe, expect, it } from "vitest"
import { aHost } from "../../test/examples.ts"
import { inChoice } from "./host.ts"
import { fleetViewOf, groupsOf, locationOfView, tagCounts } from "./shown.ts"

const PLAIN = { only: "all", text: "", tags: [], grouped: false, hidden: false }

describe("what the Fleet page shows, as its address says", () => {
  it.each([
    ["nothing", {}, PLAIN],
    ["an only it does not know", { only: "nonsense" }, PLAIN],
    ["one tag", { tag: "lab" }, { ...PLAIN, tags: ["lab"] }],
    [
      "everything",
      { only: "trouble", q: "rack", tag: ["lab", "home"], group: "tag", hidden: "1" },
      { only: "trouble", text: "rack", tags: ["lab", "home"], grouped: true, hidden: true },
    ],
  ])("%s", (_what, query, view) => expect(fleetViewOf(query)).toEqual(view))

  it("comes back the same from the address it makes, and a plain page has a plain address", () => {
    const view = { only: "loaded", text: "a b", tags: ["x"], grouped: true, hidden: true } as const
    const location = locationOfView(view) as Record<string, string | string[]>
    expect(fleetViewOf(location)).toEqual(view)
    expect(locationOfView(fleetViewOf({}))).toEqual({})
  })
})

describe("tags", () => {
  it("are counted over the fleet, each host once per tag", () => {
    expect(tagCounts([{ tags: ["lab", "lab"] }, { tags: ["home", "lab"] }, { tags: [] }])).toEqual([
      { tag: "home", count: 1 },
      { tag: "lab", count: 2 },
    ])
  })

  it("narrow to hosts that carry any of them", () => {
    const host = aHost({ tags: ["lab"] })
    const choice = { text: "", only: "all" } as const
    expect(inChoice(host, false, { ...choice, tags: ["home", "lab"] })).toBe(true)
    expect(inChoice(host, false, { ...choice, tags: ["home"] })).toBe(false)
    expect(inChoice(host, false, { ...choice, tags: [] })).toBe(true)
  })

  it("group each host once, under its first one, and those without last", () => {
    const first: Record<string, string | null> = { a: "lab", b: null, c: "home", d: "lab" }
    const ids = Object.keys(first) as HostId[]
    expect(groupsOf(ids, (id) => first[id] ?? null)).toEqual([
      { tag: "home", ids: ["c"] },
      { tag: "lab", ids: ["a", "d"] },
      { tag: null, ids: ["b"] },
    ])
  })
})
