import { expect, it } from "vitest"
import { createVirtualClock } from "../clock.ts"
import { createInflightTracker, type InflightUpdate } from "./inflight.ts"

function setUp() {
  const clock = createVirtualClock()
  const updates: InflightUpdate[] = []
  const tracker = createInflightTracker({
    clock,
    offsetMinutes: 0,
    publish: (update) => updates.push(update),
  })
  const handle = tracker.add({
    model: "m",
    path: "/v1/chat/completions",
    method: "POST",
    headers: { "user-agent": "test", authorization: "Bearer secret", "x-session-id": "s1" },
    remoteIp: "10.0.0.5",
    cancel: () => {},
  })
  return { clock, updates, tracker, handle }
}

it("shows Go's header names and hides secrets", () => {
  const { tracker } = setUp()
  expect(tracker.snapshot()[0]?.req_headers).toEqual({
    "User-Agent": "test",
    Authorization: "[REDACTED]",
    "X-Session-Id": "s1",
  })
})

it("publishes byte progress at most every 250 ms and never loses the last", async () => {
  const { clock, updates, handle } = setUp()
  const sizes: [number, number][] = []
  const start = clock.now()
  for (let step = 0; step < 20; step++) {
    await clock.advance(50)
    const before = updates.length
    handle.bytesSent(10)
    if (updates.length > before) sizes.push([clock.now() - start, 0])
  }
  await clock.advance(300)
  const upserts = updates.flatMap((update) => (update.operation === "upsert" ? [update.request] : []))
  expect(upserts.map((request) => request.elapsed_ms)).toEqual(
    [0, 250, 500, 750, 1000, 1250].filter((ms) => ms <= 1250),
  )
  expect(upserts.at(-1)?.resp_bytes).toBe(200)
})

it("says nothing more about a request that was removed", async () => {
  const { clock, updates, handle } = setUp()
  handle.bytesSent(10)
  handle.remove()
  await clock.advance(1000)
  expect(updates.map((update) => update.operation)).toEqual(["upsert", "remove"])
})

it("starts ids again after a reset, and a request from before it cannot touch the new one", () => {
  const { tracker, updates, handle } = setUp()
  tracker.reset()
  const start = { model: "n", path: "/", method: "POST", headers: {}, remoteIp: "", cancel: () => {} }
  expect(tracker.add(start).id).toBe("1")
  handle.remove()
  expect(tracker.snapshot().map((entry) => entry.model)).toEqual(["n"])
  expect(updates.map((update) => update.operation)).toEqual(["upsert", "upsert"])
})
