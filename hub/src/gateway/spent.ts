import { tokenCost } from "@boocontrol/shared/token-cost"
import type { CountedTokens } from "@boocontrol/shared/token-cost"
import type { EndpointKind } from "@boocontrol/shared/gateway"
import type { ExchangeEnd } from "./exchange.ts"
import { estimateTokens, isFree } from "./core/limits.ts"
import type { TokenAsk } from "./core/limits.ts"
import type { TokenPrice } from "./ports.ts"

/** A token of a streamed answer travels in an event of about this size. */
const BYTES_PER_STREAMED_TOKEN = 200
const BYTES_PER_TOKEN = 4

export interface Spent {
  readonly tokens: number
  /** In the unit of the price tables; null where the price is not known. */
  readonly money: number | null
}

export type SpentBy = Pick<ExchangeEnd, "outcome" | "status" | "usage" | "bytes" | "price"> & {
  readonly ask: Omit<TokenAsk, "maxTokens"> & Pick<ExchangeEnd["ask"], "stream">
}

/** What answers in text; elsewhere the bytes of an answer are sound, a picture or figures. */
const WRITES: ReadonlySet<EndpointKind> = new Set([
  ...(["chat", "completion", "responses", "messages", "infill", "transcription"] as const),
])

/** What a request has used: as the host says it; where the end was not seen, by what has passed; nothing where none began. */
export function spentOf({ outcome, status, usage, bytes, price, ask }: SpentBy): Spent {
  if (usage !== null) {
    const [prompt, cached] = [usage.promptTokens ?? 0, usage.cacheTokens ?? 0]
    return priced({ prompt, cached, output: usage.outputTokens ?? 0 }, price)
  }
  // Whoever answers with an error of the request has not read the prompt.
  const isRefused = outcome === "refused" || (status !== null && status >= 400)
  if (isRefused || bytes === 0 || isFree(ask)) return { tokens: 0, money: 0 }
  const { endpoint, servedBy, promptBytes, hasImages } = ask
  const prompt = estimateTokens({ endpoint, servedBy, promptBytes, hasImages, maxTokens: null })
  const perToken = ask.stream ? BYTES_PER_STREAMED_TOKEN : BYTES_PER_TOKEN
  const output = WRITES.has(ask.endpoint) ? Math.ceil(bytes / perToken) : 0
  return priced({ prompt, cached: 0, output }, price)
}

function priced(tokens: CountedTokens, price: TokenPrice | null): Spent {
  return { tokens: tokens.prompt + tokens.output, money: price && tokenCost(price, tokens) }
}
