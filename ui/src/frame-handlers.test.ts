import { KNOWN_FRAME_TYPES } from "@boocontrol/shared/frames"
import { Frame } from "@boocontrol/shared/frames"
import { HostId } from "@boocontrol/shared/ids"
import { describe, expect, it } from "vitest"
import { useFleet } from "./fleet/store.ts"
import { createFrameHandlers } from "./frame-handlers.ts"
import { useLogs } from "./logs/store.ts"
import { dispatch } from "./platform/socket-rules.ts"
import { useTelemetry } from "./telemetry/store.ts"
import { testApp } from "./test/app.ts"
import { NOW, aHost, aSample, deltaOf, snapshotOf } from "./test/examples.ts"

describe("the handlers of frames", () => {
  it("are one for each frame type the hub may send", () => {
    const { run } = testApp()
    const handlers = run(() =>
      createFrameHandlers({ clock: { noteHubTime: () => undefined }, resync: () => undefined }),
    )
    expect(Object.keys(handlers).sort()).toEqual([...KNOWN_FRAME_TYPES].sort())
  })

  it("ask for a host again when its deltas have a hole, and learn the hub's time", () => {
    const { run } = testApp()
    const again: string[] = []
    const times: number[] = []
    const handlers = run(() =>
      createFrameHandlers({
        clock: { noteHubTime: (ms) => times.push(ms) },
        resync: (host) => again.push(host),
      }),
    )
    const host = aHost()
    dispatch(Frame.parse(snapshotOf([host], 10)), handlers)
    dispatch(Frame.parse(deltaOf(host, 12, { liveness: "down" })), handlers)
    expect(again).toEqual(["box"])
    expect(times).toEqual([NOW, NOW])
    expect(run(() => useFleet()).host(host.provider_id)?.liveness).toBe("connected")
  })

  it("take the newest samples out of a snapshot", () => {
    const { run } = testApp()
    const handlers = run(() =>
      createFrameHandlers({ clock: { noteHubTime: () => undefined }, resync: () => undefined }),
    )
    const host = aHost({ sample: aSample(NOW) })
    dispatch(Frame.parse(snapshotOf([host])), handlers)
    expect(run(() => useTelemetry()).latest(host.provider_id)?.ts).toBe("2026-11-22T12:00:00.000Z")
  })

  it("bring lines to whoever reads logs, and to nobody before", () => {
    const { run, clock } = testApp()
    const handlers = run(() =>
      createFrameHandlers({ clock: { noteHubTime: () => undefined }, resync: () => undefined }),
    )
    const lines = (text: string) =>
      Frame.parse({ type: "control_log", provider_id: "box", source: "proxy", lines: [text] })
    dispatch(lines("unheard"), handlers)
    const logs = run(() => useLogs())
    logs.hold(HostId.parse("box"), () => () => undefined)
    dispatch(lines("heard"), handlers)
    clock.runWaiting()
    expect(logs.change.lines.map(({ text }) => text)).toEqual(["heard"])
  })
})
