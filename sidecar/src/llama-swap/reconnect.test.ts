import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CAP_MS, CIRCUIT_FAILURES, FIRST_LINK, mayTryAtOnce, reconnectDecision } from "./reconnect.ts"
import type { Link, LinkEvent } from "./reconnect.ts"

function walk(events: LinkEvent[], random = 0): { link: Link; waits: (number | null)[] } {
  let link = FIRST_LINK
  const waits = events.map((event) => {
    const step = reconnectDecision(link, event, random)
    link = step.link
    return step.waitMs
  })
  return { link, waits }
}
const failed: LinkEvent = { kind: "failed" }

describe("when to try the engine again", () => {
  it("waits 1, 2, 4, 8, 16 s, then opens the circuit and knocks once a minute", () => {
    const { link, waits } = walk(Array.from({ length: 8 }, () => failed))
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 60_000, 60_000, 60_000])
    expect(link).toEqual({ liveness: "down", failures: 8 })
  })

  it.each([
    [0, 1_000],
    [0.5, 1_250],
    [0.999_999, 1_500],
  ])("adds jitter of half of %f to the wait", (random, expected) => {
    expect(walk([failed], random).waits).toEqual([expected])
  })

  it("is reconnecting for five failures and down from the sixth", () => {
    const after = (count: number) => walk(Array.from({ length: count }, () => failed)).link.liveness
    expect([1, 5, 6].map(after)).toEqual(["reconnecting", "reconnecting", "down"])
  })

  it("begins anew after a stream that lived", () => {
    const { link, waits } = walk([failed, failed, { kind: "opened" }, { kind: "lost", livedMs: 60_000 }])
    expect(link).toEqual({ liveness: "reconnecting", failures: 0 })
    expect(waits).toEqual([1_000, 2_000, null, 1_000])
  })

  it("backs off from a stream that always ends at once", () => {
    const flap: LinkEvent[] = [{ kind: "opened" }, { kind: "lost", livedMs: 10 }]
    const { link, waits } = walk(Array.from({ length: CIRCUIT_FAILURES }, () => flap).flat())
    expect(waits.filter((wait) => wait !== null)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 60_000])
    expect(link.liveness).toBe("down")
  })

  it("is down at once, and patient, when the key is refused", () => {
    expect(walk([{ kind: "refused" }])).toEqual({ link: { liveness: "down", failures: 1 }, waits: [30_000] })
  })

  it("is connected from any state once the stream is open", () => {
    expect(walk([...Array.from({ length: 9 }, () => failed), { kind: "opened" }]).link.liveness).toBe(
      "connected",
    )
  })

  it("never waits less than the base nor more than the open circuit with full jitter", () => {
    const event = fc.constantFrom<LinkEvent>(
      failed,
      { kind: "refused" },
      { kind: "opened" },
      { kind: "lost", livedMs: 1 },
      { kind: "lost", livedMs: 9_999 },
    )
    fc.assert(
      fc.property(fc.array(event), fc.double({ min: 0, max: 0.999, noNaN: true }), (events, random) => {
        const waits = walk(events, random).waits.filter((wait) => wait !== null)
        expect(waits.every((wait) => wait >= 1_000 && wait <= 90_000)).toBe(true)
      }),
    )
  })

  it.each([
    ["a moment, before the circuit opens", CIRCUIT_FAILURES - 1, 200, true],
    ["a moment, each second anew", CIRCUIT_FAILURES, 200, false],
    ["long", CIRCUIT_FAILURES, CAP_MS, true],
  ])(
    "goes to an engine that is back at once where it was gone for %s: %#",
    (_, failures, goneMs, expected) => {
      expect(mayTryAtOnce({ liveness: "reconnecting", failures }, goneMs)).toBe(expected)
    },
  )
})
