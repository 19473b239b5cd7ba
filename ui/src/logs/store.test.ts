import { LogFrame } from "@boocontrol/shared/frames"
import { HostId } from "@boocontrol/shared/ids"
import { describe, expect, it } from "vitest"
import { testApp } from "../test/app.ts"
import { useLogs } from "./store.ts"

const frame = (host: string, lines: string[], dropped?: number) =>
  LogFrame.parse({
    type: "control_log",
    provider_id: host,
    source: "proxy",
    lines,
    ...(dropped === undefined ? {} : { dropped }),
  })

describe("the log store", () => {
  it("keeps lines of the followed host only, and forgets them when another is followed", () => {
    const logs = testApp().run(() => useLogs())
    logs.apply(frame("box", ["before"]))
    logs.follow(HostId.parse("box"))
    logs.apply(frame("box", ["a", "b"]))
    logs.apply(frame("other", ["x"]))
    expect(logs.lines.map(({ text }) => text)).toEqual(["a", "b"])
    logs.follow(HostId.parse("other"))
    expect(logs.lines).toEqual([])
  })

  it("marks where lines were lost", () => {
    const logs = testApp().run(() => useLogs())
    logs.follow(HostId.parse("box"))
    logs.apply(frame("box", ["a", "b"], 7))
    expect(logs.lines.map(({ lostBefore }) => lostBefore)).toEqual([7, 0])
  })

  it("keeps the last 2,000 lines, each under a number of its own", () => {
    const logs = testApp().run(() => useLogs())
    logs.follow(HostId.parse("box"))
    for (let n = 0; n < 30; n++)
      logs.apply(
        frame(
          "box",
          Array.from({ length: 100 }, (_, m) => `${n}-${m}`),
        ),
      )
    expect(logs.lines).toHaveLength(2000)
    expect(logs.lines[0]?.text).toBe("10-0")
    expect(new Set(logs.lines.map(({ n }) => n)).size).toBe(2000)
  })
})
