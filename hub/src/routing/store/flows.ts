import { RouteFlow } from "@boocontrol/shared/routing"
import type { RouteFlows } from "@boocontrol/shared/routing"
import type { Instant } from "@boocontrol/shared/time"
import type { PendingQuery, Row } from "postgres"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"

type Fragment = PendingQuery<Row[]>

export const BUCKET_MS = 600_000
/** More are no view any more; the reply says how many there are. */
const MOST_FLOWS = 200

/** What flows are made of. */
export const COUNTED =
  "ts, source, policy, asked_model, resolved_as, provider_id, model, outcome, reason, swap, prompt_tokens, output_tokens"

/**
 * Adds the rows of `stored` to the flows. Within the statement that stores them: what is stored twice is counted once. In the
 * order of the key, so that two hubs never wait for one another.
 */
export function countedFlows(sql: Sql): Fragment {
  return sql`
    insert into route_flows as f (bucket, source, asked, provider_id, model, requests, failed, refused, swaps, counted,
      prompt_tokens, output_tokens, last_at)
    select
      date_bin('10 minutes', ts, '2000-01-01Z'), source,
      case
        when policy is not null then case when policy = 'auto' then policy else 'auto:' || policy end
        when provider_id is not null or resolved_as = 'model' then asked_model
      end,
      provider_id, model, count(*),
      count(*) filter (where outcome = 'failed' or (outcome = 'ok' and reason is not null)),
      count(*) filter (where outcome = 'refused'),
      count(*) filter (where swap),
      count(output_tokens), coalesce(sum(prompt_tokens), 0), coalesce(sum(output_tokens), 0), max(ts)
    from stored
    group by 1, 2, 3, 4, 5
    order by 1, 2, 3, 4, 5
    on conflict (bucket, source, asked, provider_id, model) do update set
      requests = f.requests + excluded.requests,
      failed = f.failed + excluded.failed,
      refused = f.refused + excluded.refused,
      swaps = f.swaps + excluded.swaps,
      counted = f.counted + excluded.counted,
      prompt_tokens = f.prompt_tokens + excluded.prompt_tokens,
      output_tokens = f.output_tokens + excluded.output_tokens,
      last_at = greatest(f.last_at, excluded.last_at)`
}

const Summed = z.extend(RouteFlow, { all_requests: z.int(), all_flows: z.int() })

/** The busiest flows of the buckets since a time. */
export async function flowsSince(
  sql: Sql,
  from: Instant,
): Promise<Pick<RouteFlows, "requests" | "flows" | "rows">> {
  const rows = z.array(Summed).parse([...(await flowsQuery(sql, from))])
  const [first] = rows
  return {
    requests: first?.all_requests ?? 0,
    flows: first?.all_flows ?? 0,
    rows: z.array(RouteFlow).parse(rows),
  }
}

/** The statement, so that a test can look at its plan. */
export function flowsQuery(sql: Sql, from: Instant): Fragment {
  return sql`
    select source, asked, provider_id, model, sum(requests) as requests, sum(failed) as failed, sum(refused) as refused,
      sum(swaps) as swaps, sum(counted) as counted,
      case when sum(counted) > 0 then sum(prompt_tokens)::bigint end as prompt_tokens,
      case when sum(counted) > 0 then sum(output_tokens)::bigint end as output_tokens,
      max(last_at) as last_at, (sum(sum(requests)) over ())::bigint as all_requests, count(*) over () as all_flows
    from route_flows where bucket >= ${from}
    group by source, asked, provider_id, model
    order by requests desc, last_at desc, source, asked, provider_id, model
    limit ${MOST_FLOWS}`
}
