import { expect, it } from "vitest"
import { loadKindOf } from "./core.ts"

it.each([
  ["qwen3-32b", [], "chat"],
  ["qwen3-32b", ["function_calling"], "chat"],
  ["bge-m3", [], "embedding"],
  ["nomic-embed-text-v1.5", [], "embedding"],
  ["intfloat/e5-large", [], "embedding"],
  ["bge-reranker-v2-m3", [], "rerank"],
  ["anything", ["reranker"], "rerank"],
  ["whisper-large-v3", [], "transcription"],
  ["anything", ["audio_speech"], "speech"],
  ["kokoro", [], "speech"],
  ["flux", ["image_generation"], "image"],
  // Names that only look like another kind.
  ["embed-talker", ["function_calling"], "chat"],
  ["gemma-3-4e5b", [], "chat"],
] as const)("loads %s %j by a request for %s", (model, capabilities, kind) => {
  expect(loadKindOf(model, capabilities)).toBe(kind)
})
