import { expect, it } from "vitest"
import { isProblem } from "./errors.ts"
import { pageAsked, pageOf } from "./model-pages.ts"

const all = ["a", "b", "c", "d", "e"].map((id) => ({ id }))
const page = (query: string): string => {
  const asked = pageAsked(`/v1/models${query}`)
  if (isProblem(asked)) return asked.message
  const told = pageOf(all, asked)
  if (isProblem(told)) return told.message
  return `${told.data.map(({ id }) => id).join("")}${told.hasMore ? "+" : ""}`
}

it.each([
  ["", "abcde"],
  ["?limit=2", "ab+"],
  ["?limit=5", "abcde"],
  ["?limit=1000", "abcde"],
  ["?limit=2&after_id=b", "cd+"],
  ["?limit=2&after_id=c", "de"],
  ["?after_id=e", ""],
  ["?limit=2&before_id=d", "bc+"],
  ["?limit=2&before_id=c", "ab"],
  ["?before_id=a", ""],
])("tells of the list %j: %s", (query, expected) => {
  expect(page(query)).toBe(expected)
})

it("has twenty on a page where nothing is said, and says that there are more", () => {
  const many = Array.from({ length: 21 }, (_, n) => ({ id: String(n) }))
  const asked = pageAsked("/v1/models")
  expect(asked).toEqual({ limit: 20, afterId: null, beforeId: null })
  expect(pageOf(many, { limit: 20, afterId: null, beforeId: null })).toEqual({
    ...{ data: many.slice(0, 20), hasMore: true },
  })
})

it.each([
  ["?limit=0", 'limit must be a whole number from 1 to 1000, not "0"'],
  ["?limit=1001", 'limit must be a whole number from 1 to 1000, not "1001"'],
  ["?limit=-1", 'limit must be a whole number from 1 to 1000, not "-1"'],
  ["?limit=2.5", 'limit must be a whole number from 1 to 1000, not "2.5"'],
  ["?limit=", 'limit must be a whole number from 1 to 1000, not ""'],
  ["?after_id=a&before_id=c", "before_id cannot be given together with after_id: send one of them"],
  [
    "?after_id=z",
    'after_id names no model of this list: "z". Send the first_id or last_id of a page, or ask from the beginning',
  ],
  [
    "?before_id=",
    'before_id names no model of this list: "". Send the first_id or last_id of a page, or ask from the beginning',
  ],
])("says what is wrong with %j", (query, expected) => {
  expect(page(query)).toBe(expected)
})
