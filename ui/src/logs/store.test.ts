import { LogFrame } from "@boocontrol/shared/frames"
import { HostId } from "@boocontrol/shared/ids"
import { describe, expect, it } from "vitest"
import { testApp } from "../test/app.ts"
import { KEPT_LINES, useLogs } from "./store.ts"

const BOX = HostId.parse("box")
const OTHER = HostId.parse("other")
const frame = (host: string, lines: string[], dropped?: number) =>
  LogFrame.parse({
    ...{ type: "control_log", provider_id: host, source: "proxy", lines },
    ...(dropped === undefined ? {} : { dropped }),
  })

function storeFor() {
  const { run, clock } = testApp()
  const logs = run(() => useLogs())
  const asked: string[] = []
  const need = (topic: string) => () => {
    asked.push(`need ${topic}`)
    return () => void asked.push(`release ${topic}`)
  }
  return { logs, clock, asked, need, texts: () => logs.change.lines.map(({ text }) => text) }
}

describe("the log store", () => {
  it("keeps lines of hosts that somebody looks at, and draws them together", () => {
    const { logs, clock, need, texts } = storeFor()
    logs.apply(frame("box", ["before"]))
    logs.hold(BOX, need("box"))
    logs.apply(frame("box", ["a"]))
    logs.apply(frame("box", ["b"]))
    logs.apply(frame("other", ["x"]))
    expect(texts()).toEqual([])
    clock.runWaiting()
    expect(texts()).toEqual(["a", "b"])
  })

  it("asks once for a host that two look at, and forgets it a while after the last has gone", () => {
    const { logs, clock, asked, need, texts } = storeFor()
    const first = logs.hold(BOX, need("box"))
    const second = logs.hold(BOX, need("box"))
    logs.apply(frame("box", ["a"]))
    clock.runWaiting()
    first()
    second()
    const third = logs.hold(BOX, need("box"))
    clock.runWaiting()
    expect(texts()).toEqual(["a"])
    expect(asked).toEqual(["need box"])
    third()
    clock.runWaiting()
    expect(texts()).toEqual([])
    expect(asked).toEqual(["need box", "release box"])
  })

  it("shows what it has while the connection is lost, and the tail once when it is back", () => {
    const { logs, clock, need, texts } = storeFor()
    logs.hold(BOX, need("box"))
    logs.hold(OTHER, need("other"))
    logs.apply(frame("box", ["a", "b"]))
    logs.apply(frame("other", ["x"]))
    clock.runWaiting()
    logs.lost()
    expect(texts()).toEqual(["a", "b", "x"])
    logs.apply(frame("box", ["b", "c"]))
    logs.apply(frame("box", ["d"]))
    clock.runWaiting()
    expect(texts()).toEqual(["x", "b", "c", "d"])
  })

  it("marks where lines were lost", () => {
    const { logs, clock, need } = storeFor()
    logs.hold(BOX, need("box"))
    logs.apply(frame("box", ["a", "b"], 7))
    clock.runWaiting()
    expect(logs.change.lines.map(({ lostBefore }) => lostBefore)).toEqual([7, 0])
  })

  it("keeps the last lines, each under a number of its own", () => {
    const { logs, clock, need, texts } = storeFor()
    logs.hold(BOX, need("box"))
    for (let n = 0; n < 30; n++) {
      logs.apply(
        frame(
          "box",
          Array.from({ length: 1000 }, (_, m) => `${n}-${m}`),
        ),
      )
      if (n % 3 === 0) clock.runWaiting()
    }
    clock.runWaiting()
    expect(texts()).toHaveLength(KEPT_LINES)
    expect(texts()[0]).toBe("10-0")
    expect(new Set(logs.change.lines.map(({ n }) => n)).size).toBe(KEPT_LINES)
  })
})
