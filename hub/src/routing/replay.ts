import type { ActivityRow } from "@boocontrol/shared/activity"
import { RouteAsk } from "@boocontrol/shared/routing"
import type { ReplayReply, ReplayRequest } from "@boocontrol/shared/routing"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import { compilePolicy, headersIn } from "./core/policy.ts"
import { purposeFor } from "./core/priors.ts"
import { Replay } from "./core/replay.ts"
import type { ReplayedRequest } from "./core/replay.ts"
import type { Deciding } from "./core/decide.ts"
import type { HistoryPort } from "./ports.ts"
import type { AskFacts, DispatchesStore } from "./store/dispatches.ts"

const MOST_ROWS = 20_000
/** Requests come through the same event loop: nobody waits longer for it than for this many decisions. */
const AT_ONCE = 100
const IDS_AT_ONCE = 2_000
/** A decision is written down when its request has ended; the host's clock may be another. */
const APART_MS = 3_600_000

/** Last week's requests against a policy that may not be saved yet. */
export async function replay(
  { policy, hours }: ReplayRequest,
  around: {
    history: HistoryPort
    dispatches: Pick<DispatchesStore, "asks">
    deciding: () => Deciding
    clock: Clock
  },
): Promise<ReplayReply> {
  const toMs = around.clock.now()
  const fromMs = toMs - hours * 3_600_000
  const [rows, stored] = await Promise.all([
    around.history.rows({ fromMs, toMs }, MOST_ROWS),
    around.history.count({ fromMs, toMs }),
  ])
  const facts = await factsOf(rows, around.dispatches)
  const played = new Replay(compilePolicy(policy, 0), around.deciding().view)
  const counts = { played: 0, noted: 0 }
  for (const [index, row] of rows.entries()) {
    const noted = facts.get(row.request_id ?? "") ?? null
    const request = requestOf(row, noted, policy.name)
    const left = typeof request === "string" ? request : played.add(request)
    if (left !== null) played.leaveOut(left)
    else {
      counts.played += 1
      if (noted) counts.noted += 1
    }
    if (index % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve))
  }
  const [first] = rows
  const isAll = rows.length < MOST_ROWS
  const kept = new Set([...facts.values()].flatMap(({ headers }) => Object.keys(headers ?? {})))
  return {
    ...{
      from: isAll || !first ? instantOf(fromMs) : first.ts,
      to: instantOf(toMs),
      asked_from: instantOf(fromMs),
    },
    // Sums may be a moment behind the rows.
    ...{ stored: Math.max(stored, rows.length), read: rows.length, ...counts },
    unknown_headers: headersIn(policy).filter((name) => !kept.has(name)),
    ...played.result(),
  }
}

/** What the gateway noted of these requests, by their ids. */
async function factsOf(
  rows: readonly ActivityRow[],
  dispatches: Pick<DispatchesStore, "asks">,
): Promise<ReadonlyMap<string, AskFacts>> {
  const facts = new Map<string, AskFacts>()
  const routed = rows.filter((row) => row.request_id !== null)
  for (let at = 0; at < routed.length; at += IDS_AT_ONCE) {
    const some = routed.slice(at, at + IDS_AT_ONCE)
    const [first, last] = [some[0], some.at(-1)]
    if (!first || !last) break
    const range = {
      from: instantOf(epochMsOf(first.ts) - APART_MS),
      to: instantOf(epochMsOf(last.ts) + APART_MS),
    }
    const found = await dispatches.asks(
      some.flatMap(({ request_id: id }) => id ?? []),
      range,
    )
    for (const one of found) if (one.request_id !== null) facts.set(one.request_id, one)
  }
  return facts
}

/** A request that did not come through the gateway is one without tools, images, key and headers: nobody noted them. */
function requestOf(row: ActivityRow, noted: AskFacts | null, policy: string): ReplayedRequest | string {
  const { duration_ms: durationMs, prompt_tokens: prompt, output_tokens: output, source } = row
  const endpoint = noted?.endpoint ?? (row.req_path ?? "").replace(/^\/v1\//, "")
  if (purposeFor(endpoint) !== "text") return "no text"
  if (source?.startsWith("control-") === true) return "own traffic"
  if (durationMs === null || output === null || prompt === null) return "tokens not known"
  return {
    ...{ atMs: epochMsOf(row.ts) - durationMs, host: row.provider_id, model: row.model },
    ...{ promptTokens: prompt, outputTokens: output },
    ask: {
      ...RouteAsk.parse({ model: policy === "auto" ? policy : `auto:${policy}` }),
      ...{ source, endpoint, key: noted?.key_label ?? null, max_tokens: output },
      ...{ tools: noted?.tools ?? false, images: noted?.images ?? false },
      // As the decision saw it, which counts bytes before anybody has counted tokens.
      prompt_tokens: noted ? noted.asked_tokens : prompt,
      headers: Object.fromEntries(
        Object.entries(noted?.headers ?? {}).flatMap(([name, value]) =>
          value === null ? [] : [[name, value]],
        ),
      ),
    },
  }
}
