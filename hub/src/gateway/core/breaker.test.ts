import { describe, expect, it } from "vitest"
import { admitsTrial, closedBreaker, onFailure, onSuccess } from "./breaker.ts"
import type { Breaker, FailureKind } from "./breaker.ts"

const after = (...kinds: FailureKind[]): Breaker =>
  kinds.reduce((breaker, kind) => onFailure(breaker, kind, 0), closedBreaker)

describe("a breaker", () => {
  it.each([
    [["refused"], "open"],
    [["server_error", "server_error"], "closed"],
    [["server_error", "server_error", "server_error"], "open"],
    [["busy", "busy", "busy"], "open"],
    [["stalled"], "closed"],
    [["stalled", "stalled"], "open"],
    [["broken_stream", "reset"], "open"],
  ] as const)("after %j is %s", (kinds, state) => {
    expect(after(...kinds).state).toBe(state)
  })

  it("stays closed where nine of ten requests are answered", () => {
    let breaker = closedBreaker
    for (let n = 0; n < 1000; n++) {
      breaker = n % 10 === 0 ? onFailure(breaker, "server_error", n) : onSuccess(breaker)
      expect(breaker.state).toBe("closed")
    }
  })

  it("opens where every other request fails", () => {
    let breaker = closedBreaker
    for (let n = 0; n < 20 && breaker.state === "closed"; n++)
      breaker = n % 2 === 0 ? onFailure(breaker, "server_error", n) : onSuccess(breaker)
    expect(breaker.state).toBe("open")
  })

  it("lets one trial through after its pause, and none beside it", () => {
    const open = after("refused")
    expect(admitsTrial(open, 999)).toBe(false)
    expect(admitsTrial(open, 1000)).toBe(true)
    const tried = { ...open, trialSinceMs: 1000 }
    expect(admitsTrial(tried, 1001)).toBe(false)
    expect(admitsTrial(tried, 61_000)).toBe(true)
  })

  it("pauses twice as long after each failed trial, half a minute at most, and closes with the first answer", () => {
    let breaker = after("refused")
    const pauses: number[] = []
    for (let n = 0; n < 8; n++) {
      pauses.push(breaker.pauseMs)
      breaker = onFailure({ ...breaker, trialSinceMs: breaker.retryAtMs }, "refused", breaker.retryAtMs)
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    expect(onSuccess(breaker).state).toBe("closed")
  })

  it("opens at once again when the host fails right after it came back", () => {
    expect(onFailure(onSuccess(after("refused")), "server_error", 0).state).toBe("open")
  })

  it("is not moved by what was on its way when it opened", () => {
    const open = after("refused")
    expect(onFailure(open, "reset", 500)).toMatchObject({ retryAtMs: 1000, pauseMs: 1000 })
  })
})
