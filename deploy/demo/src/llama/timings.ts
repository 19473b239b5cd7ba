/** llama.cpp's own account of a request, with its field names. */
export interface Timings {
  cache_n: number
  prompt_n: number
  prompt_ms: number
  prompt_per_token_ms: number
  prompt_per_second: number
  predicted_n: number
  predicted_ms: number
  predicted_per_token_ms: number
  predicted_per_second: number
  draft_n?: number
  draft_n_accepted?: number
}

export interface Measured {
  cacheN: number
  promptN: number
  promptMs: number
  predictedN: number
  predictedMs: number
  draft: { drafted: number; accepted: number } | null
}

/** The first token comes with the prompt, so the generation rate counts one less; of one token it is 0. */
export function timingsOf(measured: Measured): Timings {
  const { cacheN, promptN, predictedN, draft } = measured
  const promptMs = microseconds(measured.promptMs)
  const intervals = Math.max(0, predictedN - 1)
  const predictedMs = intervals === 0 ? 0.001 : microseconds(measured.predictedMs)
  return {
    cache_n: cacheN,
    prompt_n: promptN,
    prompt_ms: promptMs,
    prompt_per_token_ms: promptMs / promptN,
    prompt_per_second: (1000 * promptN) / promptMs,
    predicted_n: predictedN,
    predicted_ms: predictedMs,
    predicted_per_token_ms: intervals === 0 ? 0 : predictedMs / intervals,
    predicted_per_second: (1000 * intervals) / predictedMs,
    ...(draft && draft.drafted > 0 ? { draft_n: draft.drafted, draft_n_accepted: draft.accepted } : {}),
  }
}

export function usageOf(measured: Measured) {
  const prompt = measured.cacheN + measured.promptN
  return {
    completion_tokens: measured.predictedN,
    prompt_tokens: prompt,
    total_tokens: prompt + measured.predictedN,
    prompt_tokens_details: { cached_tokens: measured.cacheN },
  }
}

function microseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
