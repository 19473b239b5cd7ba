import * as z from "zod/mini"
import { instantOf } from "@boocontrol/shared/time"
import type { Sql } from "../../platform/postgres.ts"

const Unload = z.object({ host: z.string(), model: z.string(), ms: z.number() })
export type Unload = z.infer<typeof Unload>

/** No process takes longer to stop: beyond it something was not heard. */
const LONGEST_S = 120

/** How long the newest unloads of each model took: from `stopping` to whatever followed. Oldest first. */
export async function unloadsSince(sql: Sql, fromMs: number, limit: number): Promise<Unload[]> {
  const rows = await sql`
    select provider_id as host, model, extract(epoch from next_ts - ts)::double precision * 1000 as ms
    from (
      select provider_id, model, state, ts, lead(ts) over (partition by provider_id, model order by ts) as next_ts
      from control_model_events
      where ts >= ${instantOf(fromMs)} and model <> '*'
    ) changes
    where state = 'stopping' and next_ts - ts < make_interval(secs => ${LONGEST_S})
    order by ts desc limit ${limit}`
  return z
    .array(Unload)
    .parse([...rows])
    .reverse()
}
