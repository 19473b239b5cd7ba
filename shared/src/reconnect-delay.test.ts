import { describe, expect, it } from "vitest"
import { reconnectDelay } from "./reconnect-delay.ts"

const HOUR = 3_600_000

describe("the delay until a NATS server is tried again", () => {
  const delays = (times: readonly number[], servers = 1): number[] => {
    let at = 0
    const next = reconnectDelay({
      ...{ firstMs: 500, jitterMs: 100, servers, random: () => 0.5 },
      now: () => times[at] ?? 0,
    })
    return times.slice(1).map((_, index) => {
      at = index + 1
      return next()
    })
  }

  it.each([
    ["is the same while time goes on", [0, 1, 600, 1_200], 1, [550, 550, 550]],
    ["is the same when the clock is set forward", [0, 1, HOUR, HOUR + 600], 1, [550, 550, 550]],
    [
      "once lies before the last try when it is set back",
      [0, HOUR, 600, 1_200],
      1,
      [550, -HOUR - 9_400, 550],
    ],
    [
      "does so once for each server",
      [0, HOUR, 600, 1_200, 1_800],
      2,
      [550, -HOUR - 9_400, -HOUR - 9_400, 550],
    ],
  ])("%s", (_what, times, servers, expected) => {
    expect(delays(times, servers)).toEqual(expected)
  })

  it("lets a try of before the step be over at once", () => {
    const [, back = 0] = delays([0, HOUR, 600])
    const lastTryMs = HOUR + 20
    expect(lastTryMs + back).toBeLessThanOrEqual(600)
  })
})
