import { expect, it } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import { manualClock } from "../platform/clock-manual.ts"
import { watermark } from "./watermark.ts"

const NOON = Date.parse("2026-03-01T12:00:00.000Z")
const HOUR_MS = 3_600_000

it("rises only, but comes back with a clock that was an hour ahead", () => {
  const clock = manualClock(NOON)
  const mark = watermark({ load: () => null, save: () => undefined }, clock)
  const saved = (ms: number) => {
    mark.save(instantOf(ms))
    return mark.load()
  }
  expect(saved(NOON)).toBe(instantOf(NOON))
  expect(saved(NOON - 5_000)).toBe(instantOf(NOON))
  clock.step(NOON + HOUR_MS)
  expect(saved(NOON + HOUR_MS)).toBe(instantOf(NOON + HOUR_MS))
  clock.step(NOON + 10_000)
  expect(saved(NOON + 10_000)).toBe(instantOf(NOON + 10_000))
})
