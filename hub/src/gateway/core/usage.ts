import type { TokenUsage } from "../ports.ts"

/**
 * Usage and timings from the end of an answer. llama.cpp's timings count only the uncached part of the prompt, OpenAI's
 * usage the whole, Anthropic's leaves the cache out: `promptTokens` is the whole prompt everywhere.
 */
export function usageOf(tail: string): TokenUsage | null {
  const timings = lastObject(tail, '"timings":')
  const usage = lastObject(tail, '"usage":')
  if (timings === null && usage === null) return null
  const cached =
    count(timings, "cache_n") ??
    count(member(usage, "prompt_tokens_details"), "cached_tokens") ??
    count(member(usage, "input_tokens_details"), "cached_tokens") ??
    count(usage, "cache_read_input_tokens")
  return {
    promptTokens: promptOf(timings, usage),
    cacheTokens: cached,
    outputTokens:
      count(timings, "predicted_n") ?? count(usage, "completion_tokens") ?? count(usage, "output_tokens"),
    promptMs: count(timings, "prompt_ms"),
    predictedMs: count(timings, "predicted_ms"),
  }
}

function promptOf(timings: unknown, usage: unknown): number | null {
  const uncached = count(timings, "prompt_n")
  if (uncached !== null) return uncached + (count(timings, "cache_n") ?? 0)
  const whole = count(usage, "prompt_tokens")
  if (whole !== null) return whole
  const input = count(usage, "input_tokens")
  if (input === null) return null
  return (
    input +
    (count(usage, "cache_read_input_tokens") ?? 0) +
    (count(usage, "cache_creation_input_tokens") ?? 0)
  )
}

/** The last object after `key` that can be parsed. Whatever stands before it is not looked at. */
function lastObject(text: string, key: string): unknown {
  for (let at = text.lastIndexOf(key); at !== -1; at = at === 0 ? -1 : text.lastIndexOf(key, at - 1)) {
    const from = text.indexOf("{", at + key.length)
    if (from === -1 || text.slice(at + key.length, from).trim() !== "") continue
    const to = closing(text, from)
    if (to === -1) continue
    try {
      return JSON.parse(text.slice(from, to)) as unknown
    } catch {
      continue
    }
  }
  return null
}

/** These objects hold numbers and other such objects: no string of theirs has a brace in it. */
function closing(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    if (text[at] === "{") depth++
    else if (text[at] === "}" && --depth === 0) return at + 1
  }
  return -1
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
}

function count(value: unknown, key: string): number | null {
  const found = member(value, key)
  return typeof found === "number" && Number.isFinite(found) && found >= 0 ? found : null
}
