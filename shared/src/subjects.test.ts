import { describe, expect, it } from "vitest"
import { HostId, slugOfHostname } from "./ids.ts"
import { EVENT_KINDS, isDurable, parseAskSubject, parseEventSubject, subjects } from "./subjects.ts"

const host = HostId.parse("rack-01")

describe("subjects", () => {
  it.each(EVENT_KINDS)("reads back the subject it spells for %s", (kind) => {
    expect(parseEventSubject(subjects.event(host, kind))).toEqual({ host, kind })
  })

  it.each([
    "boo.v1.evt.rack-01.unheard",
    "boo.v1.evt.Rack.live",
    "boo.v2.evt.rack-01.live",
    "boo.v1.evt.rack-01.live.more",
    "boo.v1.cmd.rack-01.warm",
    "",
  ])("reads nothing from %j", (subject) => {
    expect(parseEventSubject(subject)).toBeNull()
  })

  it("reads the host of a resume question", () => {
    expect(parseAskSubject(subjects.askResume(host))).toBe(host)
    expect(parseAskSubject("boo.v1.ask.rack-01.else")).toBeNull()
  })

  it("keeps what history needs, and only that, in streams", () => {
    expect(EVENT_KINDS.filter(isDurable)).toEqual(["models", "activity", "note", "result", "perf"])
  })
})

describe("slugOfHostname", () => {
  it.each([
    ["Sam-Desktop.local", "sam-desktop-local"],
    ["GPU_01", "gpu-01"],
    ["---", null],
    ["x".repeat(60), "x".repeat(40)],
    [`${"x".repeat(39)}.y`, "x".repeat(39)],
  ])("makes %s into %s", (name, slug) => {
    expect(slugOfHostname(name)).toBe(slug)
  })
})
