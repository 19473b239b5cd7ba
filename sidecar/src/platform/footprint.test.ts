import { expect, it } from "vitest"
import { manualClock } from "./clock-manual.ts"
import { keepTrim } from "./footprint.ts"

/** Something that nothing holds any more. */
const garbage = (): WeakRef<object> => new WeakRef({})
const later = () => new Promise((resolve) => setImmediate(resolve))

it("collects what start-up left behind, and again each hour, until it is stopped", async () => {
  const clock = manualClock()
  const stop = keepTrim(clock)
  for (const afterMs of [20_000, 3_600_000]) {
    const left = garbage()
    await later()
    await clock.advance(afterMs - 1)
    expect(left.deref()).toBeDefined()
    await later()
    await clock.advance(1)
    expect(left.deref()).toBeUndefined()
  }
  stop()
  const kept = garbage()
  await later()
  await clock.advance(10_000_000)
  expect(kept.deref()).toBeDefined()
})
