import { describe, expect, it } from "vitest"
import { enqueue, wantsCapture } from "./core.ts"
import type { CapturePolicy } from "./core.ts"

const ok = { has_capture: true, source: null, status_code: 200, error: null }

describe("the policy", () => {
  const policy = (everywhere: CapturePolicy["everywhere"], bySource: CapturePolicy["bySource"] = {}) => ({
    ...{ everywhere, bySource },
  })
  it.each([
    ["off", policy("off"), { ...ok, status_code: 500 }, false],
    ["errors, of a request that went well", policy("errors"), ok, false],
    ["errors, of a refused one", policy("errors"), { ...ok, status_code: 429 }, true],
    ["errors, of one that failed behind a 200", policy("errors"), { ...ok, error: "cut" }, true],
    ["errors, of one without a status", policy("errors"), { ...ok, status_code: null }, false],
    ["all", policy("all"), ok, true],
    ["all, where the engine has nothing", policy("all"), { ...ok, has_capture: false }, false],
    ["all of one source", policy("off", { boochat: "all" }), { ...ok, source: "boochat" }, true],
    ["all of another source", policy("off", { boochat: "all" }), { ...ok, source: "arena" }, false],
    ["all but one source", policy("all", { boochat: "off" }), { ...ok, source: "boochat" }, false],
    ["all of one source, of nobody's request", policy("errors", { boochat: "all" }), ok, false],
  ])("%s", (_, given, row, wanted) => {
    expect(wantsCapture(given, row)).toBe(wanted)
  })
})

describe("the queue", () => {
  const rows = (from: number, count: number) =>
    Array.from({ length: count }, (_, n) => ({ id: `${from + n}` }))

  it("holds each once, the newest first", () => {
    const queue = enqueue(enqueue({ waiting: [], dropped: 0 }, rows(0, 2)), rows(1, 2))
    expect(queue.waiting.map(({ id }) => id)).toEqual(["2", "1", "0"])
  })

  it("lets the oldest go when there are too many, and counts them", () => {
    const queue = enqueue({ waiting: [], dropped: 0 }, rows(0, 620))
    expect(queue.waiting).toHaveLength(500)
    expect(queue.waiting[0]?.id).toBe("619")
    expect(queue.dropped).toBe(120)
  })
})
