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
  if (usage !== null) return priced(usage.promptTokens ?? 0, usage.outputTokens ?? 0, price)
  if (outcome === "refused" || bytes === 0) return { tokens: 0, money: 0 }
  const prompt = estimateTokens({ promptBytes: ask.promptBytes, maxTokens: null, hasImages: ask.hasImages })
  return priced(prompt, Math.ceil(bytes / (ask.stream ? BYTES_PER_STREAMED_TOKEN : BYTES_PER_TOKEN)), price)
}

function priced(input: number, output: number, price: TokenPrice | null): Spent {
  const money = price && (input * price.inputPerMtok + output * price.outputPerMtok) / 1e6
  return { tokens: input + output, money }
}
