import { expect, it } from "vitest"
import { storable } from "@boocontrol/shared/storable"
import { NONE_GIVEN_BACK, lookAfter, readMessage, redeliveryDelayMs, retryDelayMs } from "./core.ts"

const NOTE = {
  v: 1,
  host: "gpu-1",
  instance: "0193a000-0000-4000-8000-0000000000a0",
  boot: "0193a000-0000-4000-8000-0000000000b0",
  seq: 1,
  at: "2026-11-22T08:00:00.000Z",
  kind: "note",
  data: { note: "gap_suspected", ts: "2026-11-22T08:00:00.000Z", detail: { why: "x" } },
}
const SUBJECT = "boo.v1.evt.gpu-1.note"

it("reads an event", () => {
  expect(readMessage(SUBJECT, JSON.stringify(NOTE))).toEqual({ ok: true, envelope: NOTE })
})

it.each([
  ["a subject that is no event", "boo.v1.evt.note", JSON.stringify(NOTE), null, "subject"],
  ["a host that is no slug", "boo.v1.evt.GPU_1.note", JSON.stringify(NOTE), null, "subject"],
  [
    "a kind that is not stored",
    "boo.v1.evt.gpu-1.log",
    JSON.stringify({ ...NOTE, kind: "log", seq: null, data: { source: "proxy", lines: [] } }),
    "gpu-1",
    "subject",
  ],
  [
    "more than a message may hold",
    SUBJECT,
    JSON.stringify({ ...NOTE, more: "x".repeat(600_000) }),
    "gpu-1",
    "too-large",
  ],
  ["text that is no JSON", SUBJECT, "{", "gpu-1", "not-json"],
  ["an unknown version", SUBJECT, JSON.stringify({ ...NOTE, v: 2 }), "gpu-1", "version"],
  [
    "another host than the subject's",
    SUBJECT,
    JSON.stringify({ ...NOTE, host: "gpu-2" }),
    "gpu-1",
    "identity",
  ],
  ["another kind than the subject's", SUBJECT, JSON.stringify({ ...NOTE, kind: "perf" }), "gpu-1", "shape"],
  ["a durable message without a number", SUBJECT, JSON.stringify({ ...NOTE, seq: null }), "gpu-1", "shape"],
])("refuses %s, naming the host where it can", (_what, subject, text, host, reason) => {
  expect(readMessage(subject, text)).toMatchObject({ ok: false, host, reason })
})

it("replaces characters that Postgres will not take, and leaves the rest alone", () => {
  const odd = {
    ...NOTE,
    data: { ...NOTE.data, detail: { "k\0": ["a\0b", "\ud83d", "\ud83d\ude00", 1, null] } },
  }
  const reading = readMessage(SUBJECT, JSON.stringify(odd))
  expect(reading).toMatchObject({
    ok: true,
    envelope: { data: { detail: { "k\uFFFD": ["a\uFFFDb", "\uFFFD", "\ud83d\ude00", 1, null] } } },
  })
  expect(storable("\\u0000 spelled out")).toBe("\\u0000 spelled out")
})

it("waits longer with each try, up to a bound", () => {
  expect([1, 2, 3].map(retryDelayMs)).toEqual([100, 200, 400])
  expect(retryDelayMs(50)).toBe(5_000)
})

it("delivers a message that came before its row again for a minute, then no more", () => {
  const delays = Array.from({ length: 14 }, (_, n) => redeliveryDelayMs(n + 1))
  expect(delays.slice(0, 4)).toEqual([250, 500, 1_000, 2_000])
  expect(delays.slice(10)).toEqual([10_000, null, null, null])
  expect(delays.reduce((sum: number, delay) => sum + (delay ?? 0), 0)).toBeGreaterThan(60_000)
})

it.each([
  ["waits where it is still there", { firstSeq: 2, ackFloor: 1 }, { waiting: [2, 3, 5], gone: [] }],
  ["was stored by another hub", { firstSeq: 2, ackFloor: 3 }, { waiting: [5], gone: [] }],
  [
    "is gone, though NATS says that it was acknowledged",
    { firstSeq: 4, ackFloor: 3 },
    { waiting: [5], gone: [2, 3] },
  ],
])("knows of what was given back that it %s", (_what, usage, expected) => {
  const given = { ...NONE_GIVEN_BACK, waiting: [2, 3, 5] }
  const looked = lookAfter(given, usage)
  expect(looked).toEqual(expected)
  expect(lookAfter(looked, usage)).toEqual(expected)
})
