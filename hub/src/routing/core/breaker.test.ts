import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { affinity } from "./affinity.ts"
import { FRESH, answered, failed, failureKind, healthOf, sent, succeeded, undecided } from "./breaker.ts"
import type { Breaker } from "./breaker.ts"

describe("a breaker", () => {
  it("opens at once where a connection is refused, and after three failures otherwise", () => {
    expect(healthOf(failed(FRESH, "refused", 0), 1)).toBe("open")
    let breaker = failed(failed(FRESH, "status", 0), "status", 0)
    expect(healthOf(breaker, 0)).toBe("closed")
    breaker = failed(breaker, "timeout", 0)
    expect(healthOf(breaker, 0)).toBe("open")
  })

  it.each([
    ["tls", null, 1, "amiss"],
    ["status", 401, 3, "amiss"],
    ["status", 402, 3, "amiss"],
    ["status", 503, 3, "open"],
    ["refused", null, 1, "open"],
  ])("says of %s %s, %i times, that it is %s", (kind, status, times, health) => {
    let breaker: Breaker = FRESH
    for (let n = 1; n < times; n++) breaker = failed(breaker, failureKind({ kind, status }), 0)
    expect(healthOf(breaker, 0)).toBe("closed")
    breaker = failed(breaker, failureKind({ kind, status }), 0)
    expect([healthOf(breaker, 0), healthOf(breaker, breaker.untilMs)]).toEqual([health, "probing"])
  })

  it("opens where half of what it was asked fails, also when the other half is answered", () => {
    let breaker: Breaker = FRESH
    for (let n = 0; n < 4; n++) breaker = failed(succeeded(breaker), "status", 0)
    expect(healthOf(breaker, 0)).toBe("open")
  })

  it("lets one request through when its time is over, and closes when that is answered", () => {
    const open = failed(FRESH, "refused", 0)
    expect(healthOf(open, open.untilMs)).toBe("probing")
    const probed = sent(open, open.untilMs)
    expect(healthOf(probed, open.untilMs + 1)).toBe("open")
    expect(healthOf(succeeded(probed), open.untilMs + 1)).toBe("closed")
  })

  it("closes at the first byte of a probe, and forgets nothing of what failed before", () => {
    const open = failed(FRESH, "refused", 0)
    const begun = answered(sent(open, open.untilMs))
    expect(healthOf(begun, open.untilMs + 1)).toBe("closed")
    expect(begun.recent).toEqual([true])
    expect(answered(FRESH)).toBe(FRESH)
  })

  it("lets the next request through at once when the client of a probe has left", () => {
    const open = failed(FRESH, "refused", 0)
    const probed = sent(open, open.untilMs)
    expect(healthOf(undecided(probed, open.untilMs + 5), open.untilMs + 5)).toBe("probing")
    expect(undecided(FRESH, 5)).toBe(FRESH)
  })

  it("waits twice as long after each failed probe, and never longer than half a minute", () => {
    let breaker = failed(FRESH, "refused", 0)
    const spans: number[] = []
    for (let n = 0; n < 8; n++) {
      const probedAt = breaker.untilMs
      breaker = failed(sent(breaker, probedAt), "status", probedAt)
      spans.push(breaker.untilMs - probedAt)
    }
    expect(spans).toEqual([4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000])
  })

  it("of a host that fails at once gives it no more than one request in fifty after the first second", () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 200 }), (perSecond) => {
        let breaker: Breaker = FRESH
        let given = 0
        let all = 0
        for (let atMs = 0; atMs < 30_000; atMs += 1000 / perSecond) {
          all += atMs >= 1000 ? 1 : 0
          if (healthOf(breaker, atMs) === "open") continue
          given += atMs >= 1000 ? 1 : 0
          breaker = failed(sent(breaker, atMs), "status", atMs)
        }
        expect(given / all).toBeLessThanOrEqual(0.02)
      }),
    )
  })
})

describe("affinity", () => {
  const at = { host: "a", model: "m", instance: "1", tokens: 900, atMs: 0 }
  it("holds for the process that answered, and for no other", () => {
    const known = affinity()
    known.answered(["s"], at)
    expect(known.share(["s"], at, 1000)).toBe(0.9)
    expect(known.share(["other"], at, 1000)).toBe(0)
    for (const other of [{ instance: "2" }, { host: "b" }, { model: "n" }, { instance: null }])
      expect(known.share(["s"], { ...at, ...other }, 1000)).toBe(0)
    expect(known.warmTokens({ ...at, instance: "2" })).toBe(0)
  })

  it("forgets the least recently used beyond its bound", () => {
    const known = affinity(2)
    known.answered(["one"], at)
    known.answered(["two"], at)
    known.answered(["one"], at)
    known.answered(["three"], at)
    expect(["one", "two", "three"].map((key) => known.share([key], at, 900) > 0)).toEqual([true, false, true])
  })
})
