import { instantOf } from "@boocontrol/shared/time"
import { rowPathOf } from "@boocontrol/shared/activity"
import type { InflightData } from "@boocontrol/shared/activity"
import { describe, expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import { createInflightBoard } from "./inflight-board.ts"
import { applyInflight, inflightDataOf, inflightRequestOf } from "./inflight.ts"
import type { Inflight } from "./inflight.ts"
import { redactHeaders, redactText } from "./redact.ts"
import { InflightEntry, InflightMessage } from "./shapes.ts"

const entry = (id: string, changes: Record<string, unknown> = {}) =>
  InflightEntry.parse({
    id,
    timestamp: "2026-11-22T14:31:12.050368956+01:00",
    model: "qwen",
    req_path: "/v1/chat/completions",
    method: "POST",
    req_headers: {},
    remote_ip: "10.0.0.5",
    resp_headers: {},
    resp_bytes: 0,
    elapsed_ms: 0,
    ...changes,
  })

const play = (messages: unknown[]): Inflight | null =>
  messages.reduce<Inflight | null>(
    (state, message) => applyInflight(state, InflightMessage.parse(message)).inflight,
    null,
  )
const idsAfter = (messages: unknown[]) =>
  inflightDataOf(play(messages), []).requests?.map(({ id }) => id) ?? null

describe("the list of requests in flight", () => {
  it.each<[string, unknown[], string[] | null]>([
    ["an empty snapshot without a list", [{ operation: "snapshot" }], []],
    [
      "a snapshot that replaces all",
      [
        { operation: "upsert", request: entry("1") },
        { operation: "snapshot", requests: [entry("2")] },
      ],
      ["2"],
    ],
    ["an upsert before the snapshot", [{ operation: "upsert", request: entry("1") }], ["1"]],
    [
      "a remove of an unknown id",
      [
        { operation: "snapshot", requests: [entry("1")] },
        { operation: "remove", id: "9" },
      ],
      ["1"],
    ],
    [
      "a remove",
      [
        { operation: "snapshot", requests: [entry("1"), entry("2")] },
        { operation: "remove", id: "1" },
      ],
      ["2"],
    ],
    ["whole lists (v235)", [{ requests: [entry("1")] }, { requests: [entry("2"), entry("3")] }], ["2", "3"]],
    ["a null list", [{ requests: null }], []],
    ["a number alone", [{ total: 4 }], null],
  ])("after %s", (_, messages, expected) => {
    expect(idsAfter(messages)).toEqual(expected)
  })

  it("says how many where it cannot say which, and nothing before it was told", () => {
    expect(inflightDataOf(play([{ total: 4 }]), [])).toEqual({ requests: null, total: 4 })
    expect(inflightDataOf(null, [])).toEqual({ requests: null, total: null })
  })

  it("tells what ended, in each shape", () => {
    const two = play([{ requests: [entry("1"), entry("2")] }])
    const ended = (message: unknown) =>
      applyInflight(two, InflightMessage.parse(message)).ended.map(({ id }) => id)
    expect(ended({ operation: "remove", id: "1" })).toEqual(["1"])
    expect(ended({ requests: [entry("2")] })).toEqual(["1"])
    expect(ended({ operation: "snapshot" })).toEqual(["1", "2"])
  })
})

describe("one request in flight", () => {
  it("names its caller by our headers, the configured session header and the address", () => {
    const request = inflightRequestOf(
      entry("1", {
        req_headers: {
          "X-Boo-Source": "boochat",
          "X-Boo-Request-Id": "r-1",
          "User-Agent": "curl/8",
          "X-My-Session": "s-9",
        },
      }),
      ["X-Other", "x-my-session"],
    )
    expect(request).toMatchObject({
      started_at: "2026-11-22T13:31:12.050Z",
      source: "boochat",
      request_id: "r-1",
      client_ip: "10.0.0.5",
      user_agent: "curl/8",
      session_id: "s-9",
      phase: "waiting",
    })
  })

  it("takes no source that is no label", () => {
    expect(inflightRequestOf(entry("1", { req_headers: { "X-Boo-Source": "Evil Label!" } }), []).source).toBe(
      null,
    )
  })

  it.each([
    [{ resp_headers: {} }, "waiting"],
    [{ resp_headers: { "Content-Type": "text/event-stream" } }, "answering"],
    [{ resp_headers: undefined }, null],
  ])("is told apart by its answer's headers %j", (changes, phase) => {
    expect(inflightRequestOf(entry("1", changes), []).phase).toBe(phase)
  })

  it.each([
    ["/v1/chat/completions", "/v1/chat/completions"],
    ["/v/chat/completions", "/chat/completions"],
    ["/upstream/org/qwen/v1/chat/completions", "/v1/chat/completions"],
    ["/audioapi/v1/tasks/run", "/v1/tasks/run"],
    [null, null],
  ])("comes to %s in its row as %s", (path, expected) => {
    expect(rowPathOf(path, "org/qwen")).toBe(expected)
  })
})

it("hides what is secret in headers, by name and by look", () => {
  const shown = redactHeaders({
    Authorization: "[REDACTED]",
    "X-Api-Key": "abc",
    "X-Auth-Token": "abc",
    Cookie: "a=b",
    "X-Custom": "Bearer abc",
    "X-Note": "my sk-abcdefgh12345 key",
    "X-Jwt": "eyJhbGciOiJIUzI1NiJ9.e30.x",
    "X-Hash": "0123456789abcdef0123456789abcdef01234567",
    "User-Agent": "curl/8",
    "X-Session-Id": "s-1",
    "X-Long": "y".repeat(500),
  })
  expect(
    Object.entries(shown)
      .filter(([, value]) => value === "[REDACTED]")
      .map(([name]) => name),
  ).toEqual(["Authorization", "X-Api-Key", "X-Auth-Token", "Cookie", "X-Custom", "X-Note", "X-Jwt", "X-Hash"])
  expect(shown).toMatchObject({ "User-Agent": "curl/8", "X-Session-Id": "s-1" })
  expect(shown["X-Long"]?.length).toBe(300)
})

it.each([
  ["Authorization: Bearer abcdef123456 sent", "Authorization: Bearer [REDACTED] sent"],
  ["llama-server --api-key hunter2hunter2 -m x", "llama-server --api-key [REDACTED] -m x"],
  ['{"api_key": "abcdefgh"}', '{"api_key": "[REDACTED]"}'],
  ["OPENAI sk-abcdefgh1234 used", "OPENAI [REDACTED] used"],
  ["prompt eval time = 174.38 ms / 33 tokens", "prompt eval time = 174.38 ms / 33 tokens"],
  ["a basic test of the api key", "a basic test of the api key"],
])("hides keys within text: %s", (text, expected) => {
  expect(redactText(text)).toBe(expected)
})

describe("telling of requests in flight", () => {
  function board() {
    const clock = manualClock()
    const sent: { at: number; data: InflightData }[] = []
    const start = clock.now()
    const made = createInflightBoard({
      clock,
      emit: (data) => sent.push({ at: clock.now() - start, data }),
      onList: () => {},
      onEnded: () => {},
    })
    made.connected()
    const upsert = (id: string, bytes: number) =>
      made.apply({ operation: "upsert", request: entry(id, { resp_bytes: bytes, resp_headers: { a: "b" } }) })
    return { clock, sent, made, upsert }
  }

  it("shows a request that comes or goes within 50 ms", async () => {
    const { clock, sent, made, upsert } = board()
    upsert("1", 0)
    await clock.advance(100)
    made.apply({ operation: "remove", id: "1" })
    await clock.advance(100)
    expect(sent.map(({ at, data }) => [at, data.total])).toEqual([
      [20, 1],
      [120, 0],
    ])
  })

  it("shows progress at most four times a second", async () => {
    const { clock, sent, upsert } = board()
    upsert("1", 0)
    for (let step = 1; step <= 100; step++) {
      await clock.advance(10)
      upsert("1", step)
    }
    await clock.advance(1_000)
    expect(sent.length).toBeLessThanOrEqual(6)
    expect(sent.at(-1)?.data.requests?.[0]?.resp_bytes).toBe(100)
  })

  it("knows nothing once the connection is gone, and says so", () => {
    const { sent, made, upsert } = board()
    upsert("1", 0)
    expect(made.ended()).toBe(1)
    expect(sent.at(-1)?.data).toEqual({ requests: null, total: null })
    expect(made.ended()).toBe(null)
  })

  it("says when a request began, cut to milliseconds", () => {
    const { made, sent, upsert } = board()
    upsert("1", 0)
    made.stop()
    expect(sent).toEqual([])
    expect(inflightRequestOf(entry("1"), []).started_at).toBe(
      instantOf(Date.UTC(2026, 10, 22, 13, 31, 12, 50)),
    )
  })
})
