import { describe, expect, it } from "vitest"
import type { EngineHttp } from "./http.ts"
import { probeEngine } from "./probe.ts"

/** Answers by path without its query; everything else is a 404. */
function engine(answers: Record<string, [number, unknown]>): EngineHttp {
  return {
    call(path) {
      const [status, body] = answers[path.replace(/\?.*$/, "")] ?? [404, "404 page not found"]
      return Promise.resolve({ status, body: typeof body === "string" ? body : JSON.stringify(body) })
    },
    stream: () => Promise.reject(new Error("not asked here")),
    close: () => {},
  }
}
const probe = (answers: Record<string, [number, unknown]>, hasKey = false) =>
  probeEngine(engine(answers), { url: "http://box", hasKey, nowRfc3339: "2026-01-01T00:00:00.000Z" })

const ROWS: [number, unknown] = [200, { data: [] }]
const VERSION: [number, unknown] = [200, { version: "v250" }]
const PERFORMANCE: [number, unknown] = [200, { enabled: true }]

describe("what an engine can do", () => {
  it.each<[string, Record<string, [number, unknown]>, object]>([
    [
      "all of it",
      {
        "/api/metrics/activity": ROWS,
        "/api/version": VERSION,
        "/api/hardware": [200, {}],
        "/api/performance": PERFORMANCE,
      },
      { era: "activity", version: "v250", lacks: [] },
    ],
    [
      "rows in a ring, nothing else",
      { "/api/metrics": [200, []] },
      { era: "metrics", version: null, lacks: ["hardware", "performance"] },
    ],
    [
      "samples switched off, hardware not detected",
      {
        "/api/metrics/activity": ROWS,
        "/api/hardware": [503, {}],
        "/api/performance": [503, { enabled: false }],
      },
      { era: "activity", lacks: ["hardware", "performance"] },
    ],
    [
      "a version that is no text says nothing of the era",
      {
        "/api/metrics/activity": ROWS,
        "/api/version": [200, { version: 5 }],
        "/api/performance": PERFORMANCE,
      },
      { era: "activity", version: null },
    ],
    [
      "no rows at all",
      { "/running": [200, { running: [] }] },
      { era: null, lacks: ["activity", "hardware", "performance"] },
    ],
  ])("is found by asking: %s", async (_, answers, expected) => {
    expect(await probe(answers)).toMatchObject(expected)
  })

  it.each<[string, Record<string, [number, unknown]>, string]>([
    ["a refused key", { "/api/metrics/activity": [401, {}] }, "ENGINE_UNAUTHORIZED"],
    ["a proxy without its engine", { "/api/metrics/activity": [503, ""] }, "ENGINE_FAILING"],
    ["a redirect to somewhere", { "/api/metrics/activity": [302, ""] }, "ENGINE_FAILING"],
    ["something else entirely", {}, "ENGINE_NOT_LLAMA_SWAP"],
  ])("cannot be found out: %s", async (_, answers, code) => {
    await expect(probe(answers)).rejects.toMatchObject({ code })
  })

  it("is told apart by whether a key was given at all", async () => {
    await expect(probe({ "/api/metrics/activity": [401, {}] }, false)).rejects.toThrow(
      /wants an API key.*LLAMA_SWAP_API_KEY/,
    )
    await expect(probe({ "/api/metrics/activity": [401, {}] }, true)).rejects.toThrow(
      /refuses the API key.*LLAMA_SWAP_API_KEY/,
    )
  })
})
