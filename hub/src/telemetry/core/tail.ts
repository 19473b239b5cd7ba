import { mergeBuckets } from "./aggregate.ts"
import type { Reading } from "./series.ts"
import { bucketOf } from "./tiers.ts"

/** Samples as the buckets they will be in, for the last moments before those are computed. In order, as samples are. */
export function bucketsOfSamples(samples: readonly Reading[], widthMs: number): Reading[] {
  return [...Map.groupBy(samples, ({ startMs }) => bucketOf(startMs, widthMs))].flatMap(([startMs, of]) => {
    const bucket = mergeBuckets(of.map((reading) => reading.bucket))
    const backfilled = of.some((reading) => reading.backfilled)
    return bucket === null ? [] : [{ startMs, endMs: startMs + widthMs, backfilled, bucket }]
  })
}
