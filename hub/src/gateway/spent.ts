import type { ExchangeEnd } from "./exchange.ts"
import { estimateTokens } from "./core/limits.ts"

/** A token of a streamed answer travels in an event of about this size. */
const BYTES_PER_STREAMED_TOKEN = 200
const BYTES_PER_TOKEN = 4

/** What a request has used: as the host says it; where the end was not seen, by what has passed; nothing where none began. */
export function spentOf({ outcome, usage, bytes, ask }: ExchangeEnd): {
  tokens: number | null
  money: number | null
} {
  if (usage !== null) return { tokens: (usage.promptTokens ?? 0) + (usage.outputTokens ?? 0), money: null }
  if (outcome === "refused" || bytes === 0) return { tokens: 0, money: null }
  const prompt = estimateTokens({ promptBytes: ask.promptBytes, maxTokens: null, hasImages: ask.hasImages })
  return {
    tokens: prompt + Math.ceil(bytes / (ask.stream ? BYTES_PER_STREAMED_TOKEN : BYTES_PER_TOKEN)),
    money: null,
  }
}
