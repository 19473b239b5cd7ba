import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { StreamName } from "@boocontrol/shared/subjects"
import { admit, gapsAt } from "./core.ts"
import type { Found } from "./core.ts"
import { BOOT, LATER_BOOT } from "./test/messages.ts"

const perf = (bytes: number) => ({ lane: "BOO_PERF" as const, bytes })
const events = (bytes: number) => ({ lane: "BOO_EVENTS" as const, bytes })

describe("what is given up for a message that has no room", () => {
  it.each([
    ["nothing while there is room", [perf(40), events(40)], perf(20), [], true],
    ["the oldest telemetry", [events(30), perf(40), perf(30)], perf(10), [1], true],
    [
      "telemetry for an event, even where events are older",
      [events(50), perf(30), perf(20)],
      events(40),
      [1, 2],
      true,
    ],
    [
      "events for events, when there is no telemetry left",
      [events(50), events(40), perf(10)],
      events(60),
      [2, 0],
      true,
    ],
    ["the telemetry that comes, where only events are kept", [events(60), events(40)], perf(1), [], false],
    ["no telemetry in vain", [events(95), perf(5)], perf(10), [], false],
    ["never the event that comes", [events(50), perf(50)], events(200), [1, 0], true],
  ] as const)("%s", (_, segments, incoming, gone, admitted) => {
    const result = admit({ segments, maxBytes: 100, incoming })
    expect(result.giveUp.map((segment) => segments.findIndex((one) => one === segment))).toEqual(gone)
    expect(result.admitted).toBe(admitted)
  })

  it("is the least that makes room, telemetry before events, oldest first", () => {
    const lane = fc.constantFrom<StreamName>("BOO_PERF", "BOO_EVENTS")
    const size = fc.record({ lane, bytes: fc.integer({ min: 1, max: 50 }) })
    fc.assert(
      fc.property(
        fc.array(size, { maxLength: 12 }),
        size,
        fc.integer({ min: 1, max: 300 }),
        (segments, incoming, maxBytes) => {
          const { giveUp, admitted } = admit({ segments, maxBytes, incoming })
          const left = segments.filter((segment) => !giveUp.includes(segment))
          const bytes = left.reduce((sum, one) => sum + one.bytes, incoming.bytes)
          const isEvent = incoming.lane === "BOO_EVENTS"
          const goneEvents = giveUp.filter((segment) => segment.lane === "BOO_EVENTS")
          const leftPerf = left.filter((segment) => segment.lane === "BOO_PERF")
          expect(
            admitted ? bytes <= maxBytes || (isEvent && left.length === 0) : !isEvent && giveUp.length === 0,
          ).toBe(true)
          expect(isEvent || goneEvents.length === 0).toBe(true)
          expect(goneEvents.length === 0 || leftPerf.length === 0).toBe(true)
          expect(giveUp.length === 0 || bytes + (giveUp.at(-1)?.bytes ?? 0) > maxBytes).toBe(true)
          for (const of of ["BOO_PERF", "BOO_EVENTS"] as const) {
            const ofLane = segments.filter((segment) => segment.lane === of)
            const gone = giveUp.filter((segment) => segment.lane === of)
            expect(gone).toEqual(ofLane.slice(0, gone.length))
          }
        },
      ),
    )
  })
})

describe("which numbers may have stood where nothing can be read", () => {
  const at = (seq: number, boot = BOOT): Found => ({ boot, seq, atMs: seq * 1_000 })
  const known = (seqs: readonly number[], boot = BOOT) => [boot, new Set(seqs)] as const

  it.each([
    ["those between its neighbours", [at(1), "fault", at(4)], [known([1, 4])], [[2, 3]]],
    ["less those of the other lane", [at(1), "fault", at(5)], [known([1, 2, 4, 5])], [[3]]],
    ["none where the neighbours follow each other", [at(1), "fault", at(2)], [known([1, 2])], []],
    ["none at the torn end of a life", [at(1), at(2), "fault"], [known([1, 2])], []],
    ["those before what the other lane wrote later", [at(1), "fault"], [known([1, 4])], [[2, 3]]],
    ["one unknown where nothing of that life is known before it", ["fault", at(5)], [known([5])], [[]]],
    ["those since the first known of that life", ["fault", at(5)], [known([3, 5])], [[4]]],
    [
      "of both lives where one ends and one begins",
      [at(1), "fault", at(3, LATER_BOOT)],
      [known([1, 3]), known([1, 3], LATER_BOOT)],
      [[2], [2]],
    ],
    ["once where two faults follow each other", [at(1), "fault", "fault", at(3)], [known([1, 3])], [[2]]],
  ] as const)("%s", (_, lane, sets, expected) => {
    expect(
      gapsAt([...lane] as Found[], new Map(sets.map(([boot, seqs]) => [boot, seqs]))).map(({ seqs }) => seqs),
    ).toEqual(expected)
  })
})
