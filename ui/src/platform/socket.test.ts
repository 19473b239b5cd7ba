import { Frame, KNOWN_FRAME_TYPES } from "@boocontrol/shared/frames"
import type { FrameHandlers, FrameType } from "@boocontrol/shared/frames"
import { describe, expect, it } from "vitest"
import { StillClock } from "../test/app.ts"
import { HUB_ID, NOW, aHost, snapshotOf } from "../test/examples.ts"
import type { ReadFrame } from "./frame-reader.ts"
import { createSocket } from "./socket.ts"
import type { WireEvents } from "./socket.ts"
import { reconnectDelayMs } from "./socket-rules.ts"

interface FakeWire {
  events: WireEvents
  sent: unknown[]
  closed: boolean
}

const atOnce: ReadFrame = (text) => {
  const parsed = text === "{" ? null : Frame.safeParse(JSON.parse(text))
  if (!parsed) return { rejection: "not JSON" }
  return parsed.success ? { frame: parsed.data } : { rejection: parsed.error.issues[0]?.path.join(".") ?? "" }
}

function rig(read = atOnce) {
  const clock = new StillClock()
  const wires: FakeWire[] = []
  const handled: Frame[] = []
  let lost = 0
  const keep = (frame: Frame) => handled.push(frame)
  const handlers: FrameHandlers = {
    control_fleet: keep,
    control_activity: keep,
    control_perf: keep,
    control_log: keep,
    control_job: keep,
  }
  const socket = createSocket({
    open(events) {
      const wire: FakeWire = { events, sent: [], closed: false }
      wires.push(wire)
      return {
        send: (text) => wire.sent.push(JSON.parse(text)),
        close: () => {
          wire.closed = true
        },
      }
    },
    read,
    handlers,
    clock: clock.asClock(),
    random: () => 0,
    lost: () => {
      lost++
    },
  })
  const wire = (index: number) => {
    const found = wires[index]
    if (!found) throw new Error(`no wire ${index}`)
    return found
  }
  return { clock, wires, wire, handled, socket, lostTimes: () => lost }
}

const EXAMPLES: Record<FrameType, unknown> = {
  control_fleet: snapshotOf([aHost()]),
  control_activity: { type: "control_activity", provider_id: "box", seq: 1, rows: [] },
  control_perf: { type: "control_perf", provider_id: "box", seq: 1, samples: [] },
  control_log: { type: "control_log", provider_id: "box", source: "proxy", lines: ["x"] },
  control_job: { type: "control_job", job_id: HUB_ID, kind: "bench", state: "running", done: 0, total: null },
}

describe("the one socket", () => {
  it.each(KNOWN_FRAME_TYPES)("hands a %s frame to its handler", (type) => {
    const { socket, wire, handled } = rig()
    socket.start()
    wire(0).events.opened()
    wire(0).events.received(JSON.stringify(EXAMPLES[type]))
    expect(handled.map((frame) => frame.type)).toEqual([type])
  })

  it("counts a frame it cannot read, says why, and goes on", () => {
    const { socket, wire, handled } = rig()
    socket.start()
    wire(0).events.opened()
    wire(0).events.received("{")
    wire(0).events.received(
      JSON.stringify({ type: "control_perf", provider_id: "box", seq: "one", samples: [] }),
    )
    wire(0).events.received(JSON.stringify(EXAMPLES.control_log))
    expect(socket.status.value.rejected).toBe(2)
    expect(socket.status.value.rejection).toContain("seq")
    expect(handled).toHaveLength(1)
  })

  it("leaves a connection that has been silent and opens another, which is heard alone", () => {
    const { clock, socket, wire, wires, handled, lostTimes } = rig()
    socket.start()
    wire(0).events.opened()
    clock.at += 1_000
    const askedMs = clock.at
    wire(0).events.received(JSON.stringify(EXAMPLES.control_log))
    socket.leaveIfSilent(askedMs)
    expect([socket.status.value.phase, wires.length]).toEqual(["open", 1])
    clock.at += 1_000
    socket.leaveIfSilent(clock.at)
    expect(socket.status.value).toMatchObject({ phase: "waiting", lostAt: clock.at })
    expect([wire(0).closed, lostTimes()]).toEqual([true, 1])
    clock.runWaiting()
    wire(1).events.opened()
    wire(0).events.received(JSON.stringify(EXAMPLES.control_log))
    wire(0).events.closed()
    expect(socket.status.value).toMatchObject({ phase: "open", lostAt: null })
    expect([handled.length, wires.length]).toEqual([1, 2])
  })

  it("hands frames on in the order they came, also where one of them waits for what reads it", async () => {
    const waiting = Promise.withResolvers<void>()
    const { socket, wire, handled } = rig((text) =>
      text.includes("control_job") ? waiting.promise.then(() => atOnce(text)) : atOnce(text),
    )
    const order: FrameType[] = ["control_perf", "control_job", "control_log", "control_activity"]
    socket.start()
    wire(0).events.opened()
    for (const type of order) wire(0).events.received(JSON.stringify(EXAMPLES[type]))
    expect(handled.map(({ type }) => type)).toEqual(["control_perf"])
    waiting.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    expect(handled.map(({ type }) => type)).toEqual(order)
    wire(0).events.received(JSON.stringify(EXAMPLES.control_log))
    expect(handled).toHaveLength(5)
  })

  it("drops what waited to be read when its connection is gone", async () => {
    const waiting = Promise.withResolvers<void>()
    const { socket, wire, handled } = rig((text) => waiting.promise.then(() => atOnce(text)))
    socket.start()
    wire(0).events.opened()
    wire(0).events.received(JSON.stringify(EXAMPLES.control_log))
    socket.stop()
    waiting.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    expect(handled).toEqual([])
  })

  it("opens one connection however often it is started", () => {
    const { socket, wires } = rig()
    socket.start()
    socket.start()
    expect(wires).toHaveLength(1)
  })

  it("comes back after a lost connection, says since when, and drops what the old one still says", () => {
    const { socket, wire, wires, clock, handled, lostTimes } = rig()
    socket.start()
    wire(0).events.opened()
    wire(0).events.closed()
    expect(socket.status.value).toMatchObject({ phase: "waiting", lostAt: NOW, wasOpen: true })
    expect(lostTimes()).toBe(1)
    clock.runWaiting()
    expect(wires).toHaveLength(2)
    wire(0).events.received(JSON.stringify(EXAMPLES.control_log))
    wire(0).events.closed()
    wire(1).events.opened()
    expect(handled).toEqual([])
    expect(socket.status.value).toMatchObject({ phase: "open", lostAt: null })
  })

  it("waits longer after each failure, and keeps the time of the first loss", () => {
    const { socket, wire, clock } = rig()
    socket.start()
    wire(0).events.closed()
    const first = clock.waiting[0]?.delayMs ?? 0
    clock.at += 5000
    clock.runWaiting()
    wire(1).events.closed()
    expect(clock.waiting[0]?.delayMs).toBe(first * 2)
    expect(socket.status.value).toMatchObject({ lostAt: NOW, wasOpen: false })
  })

  it("asks for a topic while anybody needs it, in one message for all changes of a moment", () => {
    const { socket, wire, clock } = rig()
    socket.start()
    wire(0).events.opened()
    const first = socket.need("perf:box")
    const second = socket.need("perf:box")
    socket.need("log:box")
    clock.runWaiting()
    expect(wire(0).sent).toEqual([
      { type: "subscribe", topics: ["fleet", "activity", "jobs", "perf:box", "log:box"] },
    ])
    first()
    first()
    clock.runWaiting()
    expect(wire(0).sent).toHaveLength(1)
    second()
    clock.runWaiting()
    expect(wire(0).sent.at(-1)).toEqual({
      type: "subscribe",
      topics: ["fleet", "activity", "jobs", "log:box"],
    })
  })

  it("asks for its topics again on a new connection", () => {
    const { socket, wire, clock } = rig()
    socket.need("perf:box")
    socket.start()
    wire(0).events.opened()
    wire(0).events.closed()
    clock.runWaiting()
    wire(1).events.opened()
    expect(wire(1).sent).toEqual([{ type: "subscribe", topics: ["fleet", "activity", "jobs", "perf:box"] }])
  })

  it("takes all samples instead of more topics than a hub allows", () => {
    const { socket, wire, clock } = rig()
    socket.start()
    wire(0).events.opened()
    for (let n = 0; n < 450; n++) socket.need(`perf:host-${n}`)
    clock.runWaiting()
    expect(wire(0).sent).toEqual([{ type: "subscribe", topics: ["fleet", "activity", "jobs", "perf:*"] }])
  })

  it("ends for good when stopped", () => {
    const { socket, wire, wires, clock } = rig()
    socket.start()
    wire(0).events.opened()
    socket.stop()
    wire(0).events.closed()
    clock.runWaiting()
    expect(wire(0).closed).toBe(true)
    expect(wires).toHaveLength(1)
    expect(socket.status.value.phase).toBe("idle")
  })
})

describe("the wait before a new connection", () => {
  it.each([
    [0, 0, 500],
    [0, 1, 750],
    [3, 0, 4000],
    [5, 0, 10_000],
    [50, 1, 15_000],
  ])("after %i failures with chance %d is %i ms", (failures, random, expected) => {
    expect(reconnectDelayMs(failures, random)).toBe(expected)
  })
})
