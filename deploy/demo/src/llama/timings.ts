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

export function timingsOf(measured: Measured): Timings {
  const { cacheN, promptN, promptMs, predictedN, predictedMs, draft } = measured
  return {
    cache_n: cacheN,
    prompt_n: promptN,
    prompt_ms: round(promptMs),
    prompt_per_token_ms: round(promptMs / promptN),
    prompt_per_second: round((1000 * promptN) / promptMs),
    predicted_n: predictedN,
    predicted_ms: round(predictedMs),
    predicted_per_token_ms: round(predictedMs / predictedN),
    predicted_per_second: round((1000 * predictedN) / predictedMs),
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

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
