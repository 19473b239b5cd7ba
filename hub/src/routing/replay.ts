import type { ActivityRow } from "@boocontrol/shared/activity"
import { RouteAsk } from "@boocontrol/shared/routing"
import type { ReplayReply, ReplayRequest } from "@boocontrol/shared/routing"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import { compilePolicy } from "./core/policy.ts"
import { purposeFor } from "./core/priors.ts"
import { Replay } from "./core/replay.ts"
import type { ReplayedRequest } from "./core/replay.ts"
import type { Deciding } from "./core/decide.ts"
import type { HistoryPort } from "./ports.ts"

const MOST_ROWS = 20_000
/** Requests come through the same event loop: nobody waits longer for it than for this many decisions. */
const AT_ONCE = 100

/** Last week's requests against a policy that may not be saved yet. */
export async function replay(
  { policy, hours }: ReplayRequest,
  around: { history: HistoryPort; deciding: () => Deciding; clock: Clock },
): Promise<ReplayReply> {
  const toMs = around.clock.now()
  const fromMs = toMs - hours * 3_600_000
  const rows = await around.history.rows({ fromMs, toMs }, MOST_ROWS)
  const played = new Replay(compilePolicy(policy, 0), around.deciding().view)
  for (const [index, row] of rows.entries()) {
    const request = requestOf(row, policy.name)
    if (typeof request === "string") played.leaveOut(request)
    else played.add(request)
    if (index % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve))
  }
  const first = rows[0]
  return { from: first ? first.ts : instantOf(fromMs), to: instantOf(toMs), ...played.result() }
}

function requestOf(row: ActivityRow, policy: string): ReplayedRequest | string {
  const { duration_ms: durationMs, prompt_tokens: prompt, output_tokens: output, source } = row
  const endpoint = (row.req_path ?? "").replace(/^\/v1\//, "")
  if (purposeFor(endpoint) !== "text") return "no text"
  if (source?.startsWith("control-") === true) return "own traffic"
  if (durationMs === null || output === null || prompt === null) return "tokens not known"
  return {
    ...{
      atMs: epochMsOf(row.ts) - durationMs,
      host: row.provider_id,
      model: row.model,
      outputTokens: output,
    },
    ask: {
      ...RouteAsk.parse({ model: `auto:${policy}` }),
      source,
      endpoint,
      prompt_tokens: prompt,
      max_tokens: output,
    },
  }
}
