import type { ActivityStats, ActivityStatsRow } from "@boocontrol/shared/activity"
import { tokenCost } from "@boocontrol/shared/token-cost"
import type { TokenPricesPort } from "./ports.ts"

export type SummedRow = Omit<ActivityStatsRow, "energy_wh" | "cost">

/** Adds what the tokens of a row cost. Tokens that came from a cache cost nothing. Where neither prompt nor output was counted, nobody knows. */
export function withCost(row: SummedRow, prices: TokenPricesPort): ActivityStatsRow {
  const price = prices.priceOf(row.provider_id, row.model)
  if (price === null || (row.prompt_tokens === null && row.output_tokens === null))
    return { ...row, energy_wh: null, cost: null }
  const [prompt, cached, output] = [row.prompt_tokens ?? 0, row.cache_tokens ?? 0, row.output_tokens ?? 0]
  const cost = tokenCost(price, { prompt, cached, output })
  return { ...row, energy_wh: (cost / price.perKwh) * 1000, cost }
}

/** Share of requests without a source. */
export function unattributedOf(
  rows: readonly Pick<SummedRow, "source" | "requests">[],
): ActivityStats["unattributed"] {
  const all = rows.reduce((sum, { requests }) => sum + requests, 0)
  const unknown = rows.reduce((sum, { source, requests }) => sum + (source === null ? requests : 0), 0)
  return all === 0 ? null : unknown / all
}
