import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../clock.ts"
import { createEngine } from "../engine/engine.ts"
import { createRandom } from "../random.ts"
import { HostScenario } from "../scenario.ts"
import { burstOf, frameOf, messagesOf } from "./frames.ts"

function engineOf(version: string) {
  const scenario = HostScenario.parse({
    host_id: "test",
    version,
    utc_offset_minutes: -420,
    models: [
      { id: "b", name: "B", aliases: ["bee"], tools: true, context: 4096 },
      { id: "a", context_configured: false },
    ],
    peers: [{ id: "attic", models: ["far"] }],
  })
  return createEngine({ scenario, clock: createVirtualClock(), random: createRandom(1) })
}

describe("a frame", () => {
  it("has no space after its colons, encodes twice and escapes as Go does", () => {
    expect(frameOf({ type: "activity", value: { id: 42 } })).toBe(
      'event:message\ndata:{"type":"activity","data":"{\\"id\\":42}"}\n\n',
    )
    expect(frameOf({ type: "logData", value: { data: "<b> & \n", source: "proxy" } })).toBe(
      'event:message\ndata:{"type":"logData","data":"{\\"data\\":\\"\\\\u003cb\\\\u003e \\\\u0026 \\\\n\\",\\"source\\":\\"proxy\\"}"}\n\n',
    )
  })

  it("replaces bytes that are not UTF-8", () => {
    const [message] = messagesOf(engineOf("v250"), {
      kind: "log",
      source: "upstream",
      data: Buffer.from([0x41, 0xff, 0x42]),
    })
    expect(message?.value).toEqual({ data: "A\ufffdB", source: "upstream" })
  })
})

describe("the first messages of a stream", () => {
  it.each([
    ["v250", ["logData", "logData", "modelStatus", "uiConfig", "profileChanged", "inflight"]],
    ["v240", ["logData", "logData", "modelStatus", "uiConfig", "inflight"]],
    ["v236", ["logData", "logData", "modelStatus", "inflight"]],
    ["v235", ["logData", "logData", "modelStatus", "metrics", "inflight"]],
  ])("of %s come in its order", (version, types) => {
    expect(burstOf(engineOf(version)).map((message) => message.type)).toEqual(types)
  })

  it.each([
    ["v250", { operation: "snapshot" }],
    ["v239", { requests: [] }],
    ["v235", { requests: [] }],
  ])("say of %s that nothing is in flight", (version, value) => {
    expect(burstOf(engineOf(version)).at(-1)?.value).toEqual(value)
  })

  it("list every model sorted by id, then those of peers", () => {
    const status = burstOf(engineOf("v250")).find((message) => message.type === "modelStatus")
    expect(status?.value).toEqual([
      { id: "a", name: "", description: "", state: "stopped", unlisted: false, peerID: "" },
      {
        id: "b",
        name: "B",
        description: "",
        state: "stopped",
        unlisted: false,
        peerID: "",
        aliases: ["bee"],
        capabilities: { function_calling: true },
        context_length: 4096,
      },
      { id: "attic/far", name: "", description: "", state: "", unlisted: false, peerID: "attic" },
    ])
  })
})
