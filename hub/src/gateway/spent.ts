import { tokenCost } from "@boocontrol/shared/token-cost"
import type { CountedTokens } from "@boocontrol/shared/token-cost"
import type { ExchangeEnd } from "./exchange.ts"
import { estimateTokens } from "./core/limits.ts"
import type { TokenPrice } from "./ports.ts"

/** A token of a streamed answer travels in an event of about this size. */
const BYTES_PER_STREAMED_TOKEN = 200
const BYTES_PER_TOKEN = 4

export interface Spent {
  readonly tokens: number
  /** In the unit of the price tables; null where the price is not known. */
  readonly money: number | null
}

export type SpentBy = Pick<ExchangeEnd, "outcome" | "usage" | "bytes" | "price"> & {
  readonly ask: Pick<ExchangeEnd["ask"], "promptBytes" | "hasImages" | "stream">
}

/** What a request has used: as the host says it; where the end was not seen, by what has passed; nothing where none began. */
export function spentOf({ outcome, usage, bytes, price, ask }: SpentBy): Spent {
  if (usage !== null) {
    const [prompt, cached] = [usage.promptTokens ?? 0, usage.cacheTokens ?? 0]
    return priced({ prompt, cached, output: usage.outputTokens ?? 0 }, price)
  }
  if (outcome === "refused" || bytes === 0) return { tokens: 0, money: 0 }
  const prompt = estimateTokens({ promptBytes: ask.promptBytes, maxTokens: null, hasImages: ask.hasImages })
  const output = Math.ceil(bytes / (ask.stream ? BYTES_PER_STREAMED_TOKEN : BYTES_PER_TOKEN))
  return priced({ prompt, cached: 0, output }, price)
}

function priced(tokens: CountedTokens, price: TokenPrice | null): Spent {
  return { tokens: tokens.prompt + tokens.output, money: price && tokenCost(price, tokens) }
}
