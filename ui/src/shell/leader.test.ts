import { describe, expect, it } from "vitest"
import { PAGE_KEYS, pressed } from "./leader.ts"
import type { KeyCommand, Leader } from "./leader.ts"
import { PAGES } from "./pages.ts"

/** Presses the keys, half a second apart, and lists what they did. */
function type(keys: string, everyMs = 500): (KeyCommand | null)[] {
  let leader: Leader = null
  return keys.split("").map((key, index) => {
    const step = pressed(leader, key, index * everyMs)
    leader = step.leader
    return step.command
  })
}

describe("keys without a field", () => {
  it.each([
    ["gf", { kind: "go", page: "fleet" }],
    ["ga", { kind: "go", page: "activity" }],
    ["gl", { kind: "go", page: "logs" }],
    ["gt", { kind: "go", page: "timeline" }],
    ["/", { kind: "search" }],
    ["?", { kind: "sheet" }],
    ["j", { kind: "step", by: 1 }],
    ["k", { kind: "step", by: -1 }],
    ["x", null],
    ["gx", null],
    ["gj", null],
  ] as const)("%s", (keys, command) => expect(type(keys).at(-1)).toEqual(command))

  it("forget a first key that nobody went on with", () => {
    expect(type("ga", 1600).at(-1)).toBeNull()
    expect(type("gxa").at(-1)).toBeNull()
  })

  it("lead to every page, each by a key of its own", () => {
    expect(PAGES.filter(({ name }) => PAGE_KEYS[name] === undefined)).toEqual([])
    const keys = Object.values(PAGE_KEYS)
    expect(new Set(keys).size).toBe(keys.length)
  })
})
