import { expect, it } from "vitest"
import { didYouMean } from "./did-you-mean.ts"

const known = ["warm", "cold", "max_wait_s", "quality_floor", "fast"]

it.each([
  ["wram", "warm"],
  ["warn", "warm"],
  ["wrm", "warm"],
  ["COLD", "cold"],
  ["maxWaitS", "max_wait_s"],
  ["max-wait", "max_wait_s"],
  ["fastest", "fast"],
  ["wood", null],
  ["zzz", null],
  ["", null],
])("takes %j for %j", (given, meant) => {
  expect(didYouMean(given, known)).toBe(meant)
})
