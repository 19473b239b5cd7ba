import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { engineKindOf, storedRowOf } from "./normalise.ts"
import type { EngineKind } from "./normalise.ts"
import { Row } from "./shapes.ts"
import type { Tokens } from "./shapes.ts"

const UNKNOWN = {
  cache_tokens: -1,
  draft_tokens: -1,
  draft_acc_tokens: -1,
  input_tokens: -1,
  output_tokens: -1,
  prompt_per_second: -1,
  tokens_per_second: -1,
}

function stored(tokens: Partial<Tokens>, engine: EngineKind | null, changes: Record<string, unknown> = {}) {
  const row = Row.parse({
    id: 1,
    timestamp: "2026-08-22T09:29:57-07:00",
    model: "qwen",
    req_path: "/v1/chat/completions",
    resp_status_code: 200,
    tokens: { ...UNKNOWN, ...tokens },
    duration_ms: 1294,
    has_capture: true,
    ...changes,
  })
  const result = storedRowOf(row, engine)
  if (!result) throw new Error("the row was not read")
  return result
}

function recorded(file: string): Map<number, ReturnType<typeof stored>> {
  const json = JSON.parse(readFileSync(new URL(`./fixtures/${file}`, import.meta.url), "utf8"))
  const rows: unknown[] = Array.isArray(json) ? json : json.data
  return new Map(
    rows.map((value) => {
      const row = storedRowOf(Row.parse(value), "llama.cpp")
      if (!row) throw new Error("a recorded row was not read")
      return [row.swap_entry_id, row]
    }),
  )
}

describe("what the token figures of a row mean", () => {
  const rates = { prompt_per_second: 310.5, tokens_per_second: 52.9 }

  it.each<[string, Partial<Tokens>, EngineKind | null, string, object]>([
    [
      "llama.cpp's timings count the uncached prompt",
      { input_tokens: 12, cache_tokens: 236, output_tokens: 48, ...rates },
      "llama.cpp",
      "/v1/chat/completions",
      {
        token_basis: "timings",
        input_tokens: 12,
        prompt_tokens: 248,
        uncached_tokens: 12,
        cache_tokens: 236,
      },
    ],
    [
      "a usage object counts the whole prompt",
      { input_tokens: 31, cache_tokens: 24, output_tokens: 8 },
      "llama.cpp",
      "/v1/responses",
      { token_basis: "usage", prompt_tokens: 31, uncached_tokens: 7, prompt_tps: null, gen_tps: null },
    ],
    [
      "Anthropic's usage object leaves the cache out",
      { input_tokens: 1, cache_tokens: 30, output_tokens: 8 },
      "llama.cpp",
      "/v1/messages",
      { token_basis: "usage", prompt_tokens: 31, uncached_tokens: 1 },
    ],
    [
      "another engine's rates do not make its usage timings",
      { input_tokens: 31, cache_tokens: 24, output_tokens: 8, ...rates },
      "other",
      "/v1/chat/completions",
      { token_basis: "usage", prompt_tokens: 31, uncached_tokens: 7, gen_tps: 52.9 },
    ],
    [
      "figures of an unknown program mean nothing certain",
      { input_tokens: 31, cache_tokens: 24, output_tokens: 8, ...rates },
      null,
      "/v1/chat/completions",
      { token_basis: "unknown", input_tokens: 31, prompt_tokens: null, uncached_tokens: null },
    ],
    [
      "without rates there were no timings, whatever the program",
      { input_tokens: 31, output_tokens: 8 },
      null,
      "/v1/chat/completions",
      { token_basis: "usage", prompt_tokens: 31, uncached_tokens: null, cache_tokens: null },
    ],
    [
      "a cache larger than the prompt is not subtracted",
      { input_tokens: 5, cache_tokens: 9, output_tokens: 1 },
      "other",
      "/v1/chat/completions",
      { prompt_tokens: 5, uncached_tokens: null },
    ],
  ])("%s", (_, tokens, engine, req_path, expected) => {
    expect(stored(tokens, engine, { req_path })).toMatchObject(expected)
  })

  it("is nothing at all when all seven are 0, and when all are -1", () => {
    const nothing = {
      cache_tokens: null,
      input_tokens: null,
      output_tokens: null,
      prompt_tokens: null,
      uncached_tokens: null,
      prompt_tps: null,
      gen_tps: null,
      draft_tokens: null,
      draft_accepted: null,
      token_basis: "unknown",
    }
    const zeros = Object.fromEntries(Object.keys(UNKNOWN).map((key) => [key, 0]))
    expect(stored(zeros, "llama.cpp")).toMatchObject(nothing)
    expect(stored({}, "llama.cpp")).toMatchObject(nothing)
  })

  it("keeps any other 0 as the figure it is", () => {
    expect(
      stored({ input_tokens: 33, cache_tokens: 0, output_tokens: 0, ...rates }, "llama.cpp"),
    ).toMatchObject({
      cache_tokens: 0,
      output_tokens: 0,
      prompt_tokens: 33,
    })
  })

  it("reads a row from before v209, whose figures lie beside it", () => {
    const row = storedRowOf(
      Row.parse({
        id: 0,
        timestamp: "2026-01-01T00:00:00.9999Z",
        model: "m",
        ...UNKNOWN,
        input_tokens: 9,
        duration_ms: 1,
      }),
      null,
    )
    expect(row).toMatchObject({
      swap_entry_id: 0,
      ts: "2026-01-01T00:00:00.999Z",
      input_tokens: 9,
      req_path: null,
    })
    expect(row?.status_code).toBe(null)
  })
})

describe("the other columns of a row", () => {
  it("are UTC, and the error's text, else its status", () => {
    expect(stored({}, null).ts).toBe("2026-08-22T16:29:57.000Z")
    expect(stored({}, null).error).toBe(null)
    expect(stored({}, null, { resp_status_code: 502 }).error).toBe("HTTP 502")
    expect(stored({}, null, { resp_status_code: 429, error_msg: "Too many requests" }).error).toBe(
      "Too many requests",
    )
  })

  it("refuses a row whose time cannot be read: it has no identity", () => {
    expect(storedRowOf(Row.parse({ id: 1, timestamp: "yesterday", model: "m" }), null)).toBe(null)
  })
})

describe("recorded rows", () => {
  it("of v250 are told apart by what their figures rest on", () => {
    const rows = recorded("rows-v250.json")
    const basis = Object.fromEntries([...rows].map(([id, { token_basis }]) => [id, token_basis]))
    expect(basis).toMatchObject({
      1: "timings",
      2: "timings",
      11: "usage",
      12: "timings",
      13: "usage",
      17: "unknown",
    })
    // The same prompt of 31 tokens, counted three ways.
    expect([11, 12, 13].map((id) => rows.get(id)?.prompt_tokens)).toEqual([31, 31, 31])
    expect([11, 12, 13].map((id) => rows.get(id)?.uncached_tokens)).toEqual([7, 1, 1])
    expect(rows.get(5)?.gen_tps).toBe(0)
    expect(rows.get(46)).toMatchObject({
      status_code: 500,
      error: "unspecific error: upstream command exited prematurely",
    })
    expect(rows.get(27)).toMatchObject({ status_code: 200, error: null, output_tokens: null })
  })

  it("of v235 start at id 0 and keep their milliseconds", () => {
    const rows = recorded("rows-v235.json")
    expect(rows.get(0)).toMatchObject({
      ts: "2026-11-22T13:34:07.809Z",
      token_basis: "timings",
      prompt_tokens: 33,
    })
  })
})

it.each<[string, EngineKind]>([
  ["llama-server --port 1 -m x.gguf", "llama.cpp"],
  ["docker run ghcr.io/ggml-org/llama.cpp:server-cuda -m x", "llama.cpp"],
  ["sh -c 'sleep 4; exec /usr/bin/llama-server'", "llama.cpp"],
  ["vllm serve Qwen/Qwen3", "other"],
])("knows the program behind %s", (cmd, kind) => {
  expect(engineKindOf(cmd)).toBe(kind)
})
