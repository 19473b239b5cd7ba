/** What tokens cost, in the unit of the price tables, for a million of them. */
export interface TokenPrices {
  readonly inputPerMtok: number
  /** Of those that came from a cache: nothing at a host, which computes nothing for them; less at most providers. */
  readonly cachedInputPerMtok: number
  readonly outputPerMtok: number
}

export interface CountedTokens {
  /** The whole prompt, what came from a cache included. */
  readonly prompt: number
  readonly cached: number
  readonly output: number
}

/** What a request costs. More cached than asked for, as an engine may say that counts by blocks, is all of the prompt. */
export function tokenCost(prices: TokenPrices, { prompt, cached, output }: CountedTokens): number {
  const fromCache = Math.min(cached, prompt)
  return (
    ((prompt - fromCache) * prices.inputPerMtok +
      fromCache * prices.cachedInputPerMtok +
      output * prices.outputPerMtok) /
    1e6
  )
}
