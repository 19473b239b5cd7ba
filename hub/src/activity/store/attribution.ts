import { AttributionShare } from "@boocontrol/shared/activity"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import { matching } from "./read.ts"
import type { StatsWanted } from "./stats.ts"

const Counted = z.omit(AttributionShare, { share: true })
const CountedWays = z.array(Counted)

/** How many requests have a caller that was found in which way: counted from the rows, sums do not tell it. */
export async function attributionCounts(sql: Sql, wanted: StatsWanted): Promise<z.infer<typeof CountedWays>> {
  const rows = await sql`
    select attribution, count(*)::int as requests, count(source)::int as with_source
    from control_requests where ${matching(sql, wanted)}
    group by attribution`
  return CountedWays.parse([...rows])
}
