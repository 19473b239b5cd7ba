import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { NOW, aLease } from "../test/examples.ts"
import { leaseWords, leftOf } from "./view.ts"

describe("a lease", () => {
  it.each([
    [61_000, "1:01"],
    [500, "0:01"],
    [3_600_000, "1:00:00"],
    [0, null],
    [-5, null],
  ])("with %d ms left counts down as %s", (ms, words) => {
    expect(leftOf(aLease({ expires_at: instantOf(NOW + ms) }), NOW)).toBe(words)
  })

  it("says who holds the host, and for what", () => {
    const lease = aLease({ holder: "nightly", purpose: "speed bench" })
    const words = [lease, { ...lease, holders: 3 }, { ...lease, state: "draining" as const }, null].map(
      leaseWords,
    )
    expect(words).toEqual([
      "leased to nightly: speed bench",
      "leased to nightly and 2 more: speed bench",
      "draining for nightly: speed bench",
      null,
    ])
  })
})
