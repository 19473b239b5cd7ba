import { surenessOf } from "@boocontrol/shared/activity"
import type {
  ActivityAttribution,
  ActivityStats,
  ActivityStatsRow,
  AttributionShare,
} from "@boocontrol/shared/activity"
import { tokenCost } from "@boocontrol/shared/token-cost"
import type { TokenPricesPort } from "./ports.ts"

type CountedWay = Omit<AttributionShare, "share">
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

/** The surest way first, and how much of all each is. */
export function attributionOf(ways: readonly CountedWay[]): Omit<ActivityAttribution, "from" | "to"> {
  const requests = ways.reduce((sum, way) => sum + way.requests, 0)
  const named = ways.reduce((sum, way) => sum + way.with_source, 0)
  return {
    requests,
    rows: ways
      .toSorted((a, b) => surenessOf(b.attribution) - surenessOf(a.attribution))
      .map((way) => ({ ...way, share: way.requests / requests })),
    unattributed: requests === 0 ? null : (requests - named) / requests,
  }
}

/** Share of requests without a source. */
export function unattributedOf(
  rows: readonly Pick<SummedRow, "source" | "requests">[],
): ActivityStats["unattributed"] {
  const all = rows.reduce((sum, { requests }) => sum + requests, 0)
  const unknown = rows.reduce((sum, { source, requests }) => sum + (source === null ? requests : 0), 0)
  return all === 0 ? null : unknown / all
}
