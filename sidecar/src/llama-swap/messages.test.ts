import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { readMessage } from "./messages.ts"
import { createSseDecoder, MAX_FRAME_CHARS } from "./sse.ts"

const event = (type: string, data: unknown) =>
  JSON.stringify({ type, data: typeof data === "string" ? data : JSON.stringify(data) })

function decode(parts: (string | Uint8Array)[]) {
  const data: string[] = []
  const rejected: string[] = []
  const decoder = createSseDecoder({
    data: (text) => data.push(text),
    rejected: (kind) => rejected.push(kind),
  })
  for (const part of parts) decoder.push(typeof part === "string" ? Buffer.from(part) : part)
  return { data, rejected }
}

function recorded(file: string) {
  const bytes = readFileSync(new URL(`./fixtures/${file}`, import.meta.url))
  return decode([bytes]).data.map(readMessage)
}

describe("reading one event", () => {
  it.each([
    ["modelStatus", [{ id: "m", state: "ready" }], { kind: "models" }],
    ["logData", { source: "proxy", data: "x" }, { kind: "log", source: "proxy", data: "x" }],
    ["activity", { id: 42 }, { kind: "doorbell", id: 42 }],
    ["metrics", [{ id: 0 }], { kind: "rows", rows: [{ id: 0 }] }],
    ["metrics", { id: 0 }, { kind: "rows", rows: [{ id: 0 }] }],
    ["metrics", null, { kind: "rows", rows: [] }],
    ["inflight", { operation: "snapshot" }, { kind: "inflight", message: { operation: "snapshot" } }],
    ["inflight", { operation: "remove", id: "7" }, { kind: "inflight", message: { id: "7" } }],
    ["inflight", { requests: [] }, { kind: "inflight", message: { requests: [] } }],
    ["inflight", { total: 3 }, { kind: "inflight", message: { total: 3 } }],
    ["uiConfig", { activity: { session_id: ["X-S"] } }, { kind: "session-headers", names: ["X-S"] }],
    ["profileChanged", { active: null }, { kind: "ignored" }],
    ["perfsys", "not even json", { kind: "ignored" }],
  ])("of type %s", (type, data, expected) => {
    expect(readMessage(event(type, data))).toMatchObject(expected)
  })

  it.each([
    ["text that is no JSON", "{oops", "not_json"],
    ["no envelope", "[1,2]", "shape"],
    ["data that is no JSON", event("activity", "{oops"), "not_json"],
    ["a wrong shape", event("activity", { id: "x" }), "shape"],
    ["a list of models that is none", event("modelStatus", { id: 1 }), "shape"],
    ["an unknown type", event("weather", {}), "unknown_type"],
  ])("says what is wrong with %s", (_, data, reject) => {
    expect(readMessage(data)).toMatchObject({ kind: "rejected", reject })
  })
})

describe("the byte stream", () => {
  const frame = (data: string) => `event:message\ndata:${data}\n\n`

  it("gives the same events however it is cut", () => {
    const bytes = Buffer.from(frame("grüße") + frame("zwei"))
    const whole = decode([bytes]).data
    const single = decode([...bytes].map((byte) => Uint8Array.of(byte)))
    expect(whole).toEqual(["grüße", "zwei"])
    expect(single).toEqual({ data: whole, rejected: [] })
  })

  it("lets a frame of 10 MB go, counts it once and reads what follows", () => {
    const part = "x".repeat(64 * 1024)
    const flood = Array.from({ length: 160 }, () => part)
    const { data, rejected } = decode([
      frame("before"),
      "event:message\ndata:",
      ...flood,
      "\n\n",
      frame("after"),
    ])
    expect(data.at(0)).toBe("before")
    expect(data.at(-1)).toBe("after")
    expect(data.every((text) => text.length < MAX_FRAME_CHARS)).toBe(true)
    expect(rejected.filter((kind) => kind === "too_long").length).toBeGreaterThanOrEqual(1)
  })

  it("goes on after bytes that are no UTF-8", () => {
    const { data, rejected } = decode([Uint8Array.of(0x64, 0xff, 0xfe, 0x0a), frame("after")])
    expect(data).toEqual(["after"])
    expect(rejected).toEqual(["not_utf8"])
  })

  it("keeps half a frame for later and drops it with the connection", () => {
    expect(decode(["event:message\ndata:half"]).data).toEqual([])
  })
})

describe("recorded streams", () => {
  it.each([
    ["events-v250.sse", ["doorbell", "ignored", "inflight", "log", "models", "session-headers"]],
    ["events-v235.sse", ["inflight", "log", "models", "rows"]],
  ])("%s is read without a remainder", (file, kinds) => {
    const messages = recorded(file)
    expect([...new Set(messages.map(({ kind }) => kind))].sort()).toEqual(kinds)
    expect(messages.length).toBe(110)
  })
})
