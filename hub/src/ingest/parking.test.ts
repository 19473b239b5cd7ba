import { describe, expect, it } from "vitest"
import { hostId } from "../../test/example-host.ts"
import { createParking } from "./parking.ts"
import type { RejectReason } from "./ports.ts"

const HOUR_MS = 3_600_000
const MIB = 1024 * 1024
const box = hostId("box")

/** How many of so many messages of so many bytes each are kept. */
function keptOf(
  parking: ReturnType<typeof createParking>,
  { reason = "not-json" as RejectReason, host = box, messages = 5_000, bytes = 10, nowMs = 0 },
): number {
  return Array.from({ length: messages }, () => parking.isKept({ host, reason }, bytes, nowMs)).filter(
    Boolean,
  ).length
}

describe("what makes no sense", () => {
  it("is kept up to a thousand an hour of each host and reason", () => {
    const parking = createParking()
    expect(keptOf(parking, {})).toBe(1_000)
    expect(keptOf(parking, { reason: "shape" })).toBe(1_000)
    expect(keptOf(parking, { reason: "future" })).toBe(1_000)
    expect(keptOf(parking, { host: hostId("other") })).toBe(1_000)
    expect(keptOf(parking, { nowMs: HOUR_MS - 1 })).toBe(0)
    expect(keptOf(parking, { nowMs: HOUR_MS })).toBe(1_000)
  })

  it("is kept up to 16 MiB", () => {
    expect(keptOf(createParking(), { bytes: MIB / 2 })).toBe(32)
  })

  it("is always kept the first time, however large, and though the clock was set back", () => {
    const parking = createParking()
    expect(keptOf(parking, { bytes: 20 * MIB, nowMs: HOUR_MS })).toBe(1)
    expect(keptOf(parking, { messages: 1, nowMs: 0 })).toBe(1)
  })
})

it.each(["unstorable", "unresolved", "aged-out"] as const)("what is %s is always kept", (reason) => {
  expect(keptOf(createParking(), { reason })).toBe(5_000)
})

it("ten thousand invented hosts take no more memory, and the next begins anew", () => {
  const parking = createParking()
  for (let n = 0; n < 10_000; n += 1) keptOf(parking, { host: hostId(`h-${n}`), messages: 1 })
  expect(keptOf(parking, { host: hostId("one-more") })).toBe(1_000)
  expect(keptOf(parking, { host: hostId("h-1") })).toBe(1_000)
})
