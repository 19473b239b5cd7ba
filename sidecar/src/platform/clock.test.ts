import { describe, expect, it } from "vitest"
import { manualClock } from "./clock-manual.ts"
import { systemClock } from "./clock.ts"
import type { ClockStep } from "./clock.ts"

function sources(wall: number) {
  return {
    wallMs: wall,
    monotonicMs: 1_000,
    wall() {
      return this.wallMs
    },
    monotonic() {
      return this.monotonicMs
    },
  }
}

describe("system clock", () => {
  it("follows monotonic time, not small jitter of the wall clock", () => {
    const time = sources(50_000)
    const clock = systemClock(time)
    time.monotonicMs += 100.7
    time.wallMs += 300
    expect(clock.now()).toBe(50_100)
    expect(clock.steps()).toBe(0)
  })

  it.each([
    ["forward", 3_600_000],
    ["back", -3_600_000],
  ])("re-anchors once when the wall clock steps %s, and tells both times", (_, by) => {
    const time = sources(10_000_000)
    const clock = systemClock(time)
    const seen: ClockStep[] = []
    clock.onStep((step) => seen.push(step))
    time.monotonicMs += 5_000
    time.wallMs += 5_000 + by
    expect(clock.now()).toBe(10_005_000 + by)
    time.monotonicMs += 10
    time.wallMs += 10
    expect(clock.now()).toBe(10_005_010 + by)
    expect(clock.steps()).toBe(1)
    expect(seen).toEqual([{ before: 10_005_000, after: 10_005_000 + by }])
  })

  it("wakes a sleeper at once when its signal is aborted, and leaves no listener behind", async () => {
    const clock = systemClock()
    const stop = new AbortController()
    const slept = clock.sleep(60_000, stop.signal)
    stop.abort()
    await slept
    await clock.sleep(60_000, stop.signal)
    expect(stop.signal.aborted).toBe(true)
  })
})

describe("manual clock", () => {
  it("runs due timers in order, those set on the way included", async () => {
    const clock = manualClock(0)
    const ran: string[] = []
    clock.setTimeout(() => ran.push(`late ${clock.now()}`), 300)
    clock.setTimeout(() => {
      ran.push(`early ${clock.now()}`)
      clock.setTimeout(() => ran.push(`nested ${clock.now()}`), 50)
    }, 100)
    const cancel = clock.setTimeout(() => ran.push("cancelled"), 120)
    cancel()
    await clock.advance(299)
    expect(ran).toEqual(["early 100", "nested 150"])
    await clock.advance(1)
    expect(ran).toEqual(["early 100", "nested 150", "late 300"])
    expect(clock.now()).toBe(300)
    expect(clock.pending()).toBe(0)
  })

  it("keeps timers where they are when the wall clock is set", async () => {
    const clock = manualClock(0)
    let woke = false
    void clock.sleep(100).then(() => (woke = true))
    clock.step(1_000_000)
    await clock.advance(99)
    expect(woke).toBe(false)
    await clock.advance(1)
    expect(woke).toBe(true)
    expect(clock.now()).toBe(1_000_100)
  })
})
