import { expect, it } from "vitest"
import { unservedBy } from "./served.ts"

it.each([
  ["openai", "chat/completions", null],
  ["openai", "responses", null],
  ["openai", "embeddings", null],
  ["openai", "audio/transcriptions", null],
  ["openai", "images", null],
  ["openai", "messages", "dialect"],
  ["openai", "messages/count_tokens", "dialect"],
  ["openai", "rerank", "endpoint"],
  ["openai", "infill", "endpoint"],
  ["openai", "audio/voices", "endpoint"],
  ["openai", "other", "endpoint"],
  ["anthropic", "messages", null],
  ["anthropic", "messages/count_tokens", null],
  ["anthropic", "chat/completions", "dialect"],
  ["anthropic", "embeddings", "dialect"],
  ["anthropic", "rerank", "endpoint"],
] as const)("a provider that speaks %s, asked for %s: %s", (dialect, endpoint, reason) => {
  const unserved = unservedBy(dialect, ["vision"], { endpoint, served_by: "any" })
  expect(unserved?.reason ?? null).toBe(reason)
})

it("reranks where its model says so", () => {
  const ask = { endpoint: "rerank", served_by: "any" } as const
  expect(unservedBy("openai", ["reranker"], ask)).toBeNull()
  expect(unservedBy("anthropic", ["reranker"], ask)?.reason).toBe("endpoint")
})

it("serves nothing of what only a llama-swap has, whatever it is called", () => {
  expect(unservedBy("openai", [], { endpoint: "completions", served_by: "host" })?.reason).toBe("endpoint")
})
