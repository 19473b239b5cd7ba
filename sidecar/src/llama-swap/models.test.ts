import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { isOwnAccessLine, listedModelOf, runningModelsOf, startFailureIn, startFailureOf } from "./models.ts"
import { ModelStatus, Running } from "./shapes.ts"

describe("models as llama-swap lists them", () => {
  it.each([
    [
      { id: "m", state: "ready" },
      { state: "ready", peer: null, context_length: null, capabilities: [] },
    ],
    [{ id: "m", state: "shutdown" }, { state: "stopped" }],
    [{ id: "m", state: "unknown" }, { state: null }],
    [
      { id: "p/m", state: "", peerID: "p" },
      { state: null, peer: "p" },
    ],
    [
      { id: "m", state: "stopped", name: "", description: "d" },
      { name: null, description: "d" },
    ],
    [
      { id: "m", state: "stopped", context_length: 2048, capabilities: { vision: true, reranker: false } },
      { context_length: 2048, capabilities: ["vision"] },
    ],
  ])("%j", (status, expected) => {
    expect(listedModelOf(ModelStatus.parse(status))).toMatchObject(expected)
  })

  it("give their quantisation and idle time by their command", () => {
    const reply = Running.parse({
      running: [
        { model: "a", state: "ready", cmd: "llama-server -m /models/Qwen3-8B-Q4_K_M.gguf", ttl: 300 },
        { model: "b", state: "starting", cmd: null, ttl: -1 },
      ],
    })
    expect(runningModelsOf(reply)).toEqual([
      { id: "a", state: "ready", ttl_s: 300, quant: "Q4_K_M" },
      { id: "b", state: "starting", ttl_s: null, quant: null },
    ])
    expect(runningModelsOf(Running.parse({ running: null }))).toEqual([])
  })

  it("are read from a recording", () => {
    const text = readFileSync(new URL("./fixtures/running-v250.json", import.meta.url), "utf8")
    expect(runningModelsOf(Running.parse(JSON.parse(text)))).toMatchObject([
      { id: "smollm2-b", state: "starting", ttl_s: 0 },
    ])
  })
})

describe("why a start failed", () => {
  it.each([
    [
      "[WARN] group: starting broken failed: upstream command exited prematurely",
      { model: "broken", reason: "upstream command exited prematurely" },
    ],
    [
      "2026-11-22 [WARN] matrix: starting org/m failed: health check timed out after 15s",
      { model: "org/m", reason: "health check timed out after 15s" },
    ],
    ["[WARN] group: running broken exited: upstream command exited prematurely", null],
    ["[INFO] <m> Health check passed", null],
  ])("is read from the line %s", (line, expected) => {
    expect(startFailureIn(line)).toEqual(expected)
  })

  it.each([
    [500, "unspecific error: upstream command exited prematurely", "upstream command exited prematurely"],
    [502, "health check timed out after 2m0s", "health check timed out after 2m0s"],
    [500, "unspecific error: group: model unloaded", null],
    [502, "502 Bad Gateway", null],
    [200, null, null],
  ])("is read from a row with status %i and %s", (status, error, expected) => {
    expect(startFailureOf(status, error)).toBe(expected)
  })
})

it.each([
  ['[INFO] Request 127.0.0.1 "GET /running HTTP/1.1" 200 326 "boocontrol-sidecar/0.1.0" 161.529µs', true],
  [
    '2026-01-01 [INFO] Request ::1 "GET /api/metrics/activity HTTP/1.1" 200 5 "boocontrol-sidecar/0" 1ms',
    true,
  ],
  [
    '[INFO] Request 127.0.0.1 "POST /api/models/unload HTTP/1.1" 200 13 "boocontrol-sidecar/0.1.0" 20ms',
    false,
  ],
  ['[INFO] Request 127.0.0.1 "GET /running HTTP/1.1" 200 326 "curl/8" 161µs', false],
])("knows its own line in the log: %s", (line, own) => {
  expect(isOwnAccessLine(line)).toBe(own)
})
