import type { HostId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"

const Columns = z.object({
  models: z.array(z.string()),
  ended: z.array(z.number()),
  durations: z.array(z.number()),
  prompt: z.array(z.nullable(z.number())),
  output: z.array(z.nullable(z.number())),
})

export interface RanRequest {
  model: string
  endMs: number
  durationMs: number
  promptTokens: number | null
  outputTokens: number | null
}

/**
 * The requests of a host that ended within a range and whose duration is known: one row of columns, not a row each. As
 * JSON, since the library reads a null in an array of numbers as NaN.
 */
export async function ranRequests(
  sql: Sql,
  host: HostId,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Promise<RanRequest[]> {
  const [row] = await sql`
    select coalesce(json_agg(model), '[]') as models,
      coalesce(json_agg((extract(epoch from ts) * 1000)::float8), '[]') as ended,
      coalesce(json_agg(duration_ms), '[]') as durations,
      coalesce(json_agg(prompt_tokens), '[]') as prompt,
      coalesce(json_agg(output_tokens), '[]') as output
    from control_requests
    where provider_id = ${host} and ts >= ${instantOf(fromMs)} and ts < ${instantOf(toMs)}
      and duration_ms is not null`
  const { models, ended, durations, prompt, output } = Columns.parse(row)
  return models.map((model, index) => ({
    model,
    endMs: ended[index] ?? 0,
    durationMs: durations[index] ?? 0,
    promptTokens: prompt[index] ?? null,
    outputTokens: output[index] ?? null,
  }))
}
