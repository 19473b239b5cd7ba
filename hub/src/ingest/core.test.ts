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
const NOW_MS = Date.parse(NOTE.at)

it("reads an event", () => {
  expect(readMessage(SUBJECT, JSON.stringify(NOTE), NOW_MS)).toEqual({
    ok: true,
    envelope: NOTE,
    aside: null,
  })
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
  expect(readMessage(subject, text, NOW_MS)).toMatchObject({ ok: false, host, reason })
})

it("replaces characters that Postgres will not take, and leaves the rest alone", () => {
  const odd = {
    ...NOTE,
    data: { ...NOTE.data, detail: { "k\0": ["a\0b", "\ud83d", "\ud83d\ude00", 1, null] } },
  }
  const reading = readMessage(SUBJECT, JSON.stringify(odd), NOW_MS)
  expect(reading).toMatchObject({
    ok: true,
    envelope: { data: { detail: { "k\uFFFD": ["a\uFFFDb", "\uFFFD", "\ud83d\ude00", 1, null] } } },
  })
  expect(storable("\\u0000 spelled out")).toBe("\\u0000 spelled out")
})

const DAY_LATER = "2026-11-23T08:00:00.000Z"
const TOO_FAR = "2026-11-23T08:00:00.001Z"
const IN_FUTURE = {
  host: "gpu-1",
  reason: "future",
  problem: `it tells of ${TOO_FAR}, which is more than a day ahead of the hub's clock (${NOTE.at})`,
}
const FULL_PARTS = {
  perf: (times: string[]) => ({
    samples: times.map((ts) => ({ ts, gpu: null, sys: null, source: "os" })),
  }),
  activity: (times: string[]) => {
    const [rows, enrichments] = [times.slice(0, 2), times.slice(2)].map((some) => some.map(requestAt))
    return { rows, enrichments }
  },
  models: (times: string[]) => ({
    models: [],
    transitions: times.map((at) => ({ model: "m", from: null, to: "ready", at, reason: null })),
  }),
}

function requestAt(ts: string) {
  const who = { source: null, request_id: null, client_ip: null, user_agent: null, session_id: null }
  const counts = { cache_tokens: 0, input_tokens: 0, prompt_tokens: 0, uncached_tokens: 0, output_tokens: 0 }
  const rest = { prompt_tps: null, gen_tps: null, draft_tokens: null, draft_accepted: null, error: null }
  return {
    ...{ swap_epoch: NOTE.boot, swap_entry_id: 1, ts, model: "m", req_path: null, status_code: 200 },
    ...{ ...who, ...counts, ...rest, duration_ms: 1, token_basis: "usage", has_capture: false },
  }
}

function readKind(kind: keyof typeof FULL_PARTS, times: string[]) {
  const message = { ...NOTE, kind, data: FULL_PARTS[kind](times) }
  return readMessage(`boo.v1.evt.gpu-1.${kind}`, JSON.stringify(message), NOW_MS)
}

it("stores what is up to a day ahead of the hub's clock, and keeps aside a note of further ahead", () => {
  const noteAt = (ts: string) => JSON.stringify({ ...NOTE, data: { ...NOTE.data, ts } })
  expect(readMessage(SUBJECT, noteAt(DAY_LATER), NOW_MS)).toMatchObject({ ok: true, aside: null })
  expect(readMessage(SUBJECT, noteAt(TOO_FAR), NOW_MS)).toEqual({ ok: false, kind: "note", ...IN_FUTURE })
  const never = noteAt("9999-02-31T00:00:00.000Z")
  expect(readMessage(SUBJECT, never, NOW_MS)).toMatchObject({ ok: false, reason: "future" })
  // Of no time at all Postgres has to say what is wrong with it.
  expect(readMessage(SUBJECT, noteAt("9999-99-99T00:00:00.000Z"), NOW_MS)).toMatchObject({ ok: true })
})

it.each(["perf", "activity", "models"] as const)(
  "stores of a message of %s what is not too far ahead",
  (kind) => {
    const kept = kind === "activity" ? [NOTE.at, DAY_LATER] : [NOTE.at, DAY_LATER, DAY_LATER]
    const reading = readKind(kind, [NOTE.at, DAY_LATER, TOO_FAR, ...kept.slice(2)])
    expect(reading).toMatchObject({ ok: true, aside: { kind, ...IN_FUTURE } })
    expect(reading).toMatchObject({ envelope: { data: FULL_PARTS[kind](kept) } })
    expect(readKind(kind, kept)).toMatchObject({ ok: true, aside: null })
  },
)

it.each(["perf", "activity"] as const)("keeps a message of %s aside that tells of nothing else", (kind) => {
  expect(readKind(kind, [TOO_FAR, TOO_FAR, TOO_FAR])).toEqual({ ok: false, kind, ...IN_FUTURE })
})

it("takes the list of models from a host whose clock is years ahead", () => {
  const reading = readKind("models", ["9999-01-01T00:00:00.000Z", TOO_FAR])
  expect(reading).toMatchObject({
    ok: true,
    envelope: { data: { models: [], transitions: [] } },
    aside: { reason: "future", problem: expect.stringContaining("9999-01-01") },
  })
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
