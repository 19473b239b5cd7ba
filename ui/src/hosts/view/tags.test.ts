import { expect, it } from "vitest"
import { withTag, withoutTag } from "./tags.ts"

const twenty = Array.from({ length: 20 }, (_, index) => `t${index}`)

it.each([
  ["a new one, without the space around it", ["lab"], " home ", ["lab", "home"], null],
  ["nothing", ["lab"], "  ", null, null],
  ["one it has, however it is written", ["lab"], "LAB", null, "It has that tag"],
  ["one too many", twenty, "more", null, "A host has at most 20 tags"],
  ["one too long", [], "x".repeat(41), null, "A tag has at most 40 characters"],
] as const)("adds %s", (_what, tags, text, expected, why) => {
  expect(withTag(tags, text)).toEqual({ tags: expected, why })
})

it("takes one away and keeps the order of the others", () => {
  expect(withoutTag(["b", "a", "c"], "a")).toEqual(["b", "c"])
})
