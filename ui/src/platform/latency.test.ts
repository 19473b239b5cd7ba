import { Frame } from "@boocontrol/shared/frames"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { NOW } from "../test/examples.ts"
import { createLatency, median, wayMs } from "./latency.ts"

const frame = (eventMs: number | null, sentMs: number) =>
  Frame.parse({
    type: "control_activity",
    provider_id: "box",
    seq: 1,
    at: instantOf(sentMs),
    event_at: eventMs === null ? null : instantOf(eventMs),
    rows: [],
  })

describe("event to screen", () => {
  it("adds the way between servers and the way through this page, whatever this machine's clock says", () => {
    let now = 1000
    let paint: () => void = () => undefined
    const latency = createLatency({ monotonicMs: () => now, afterPaint: (run) => (paint = run) })
    expect(latency.eventToScreenMs.value).toBeNull()
    latency.note(frame(NOW - 20, NOW), 1000)
    now = 1011
    paint()
    expect(latency.eventToScreenMs.value).toBe(31)
  })

  it("measures one paint at a time", () => {
    const paints: (() => void)[] = []
    const latency = createLatency({ monotonicMs: () => 5, afterPaint: (run) => paints.push(run) })
    latency.note(frame(NOW - 20, NOW), 0)
    latency.note(frame(NOW - 900, NOW), 0)
    expect(paints).toHaveLength(1)
  })

  it.each([
    ["what the hub caused itself", null, NOW, null],
    ["an event that lies in the future", NOW + 5, NOW, null],
    ["an event of long ago, replayed", NOW - 3_600_000, NOW, null],
    ["an ordinary one", NOW - 12, NOW, 12],
  ])("%s", (_name, event, sent, expected) => expect(wayMs(frame(event, sent))).toBe(expected))

  it.each([
    [[], null],
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 2, 9], 3],
  ])("the median of %j is %j", (values, expected) => expect(median(values)).toBe(expected))
})
