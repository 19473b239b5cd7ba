import type { LoadKind } from "../ports.ts"

/** As llama-swap names what its configuration says of a model. */
const BY_CAPABILITY: readonly (readonly [string, LoadKind])[] = [
  ["reranker", "rerank"],
  ["audio_transcriptions", "transcription"],
  ["audio_speech", "speech"],
  ["image_generation", "image"],
  ["image_to_image", "image"],
]

/** The configuration has no word for embeddings, and need not say anything at all. */
const BY_NAME: readonly (readonly [RegExp, LoadKind])[] = [
  [/re-?rank/i, "rerank"],
  [/embed|(?:^|[^a-z])(?:bge|gte|e5|minilm|mxbai)(?:$|[^a-z])/i, "embedding"],
  [/whisper|parakeet|transcri/i, "transcription"],
  [/(?:^|[^a-z])(?:tts|kokoro|piper)(?:$|[^a-z])/i, "speech"],
]

/**
 * By which request a model is loaded. A wrong guess costs an error in the engine's log, since any request loads the
 * model before its server can refuse it.
 */
export function loadKindOf(model: string, capabilities: readonly string[]): LoadKind {
  const said = BY_CAPABILITY.find(([name]) => capabilities.includes(name))
  if (said) return said[1]
  // What can call functions or see talks, whatever its name reminds of.
  if (capabilities.includes("function_calling") || capabilities.includes("vision")) return "chat"
  return BY_NAME.find(([pattern]) => pattern.test(model))?.[1] ?? "chat"
}
