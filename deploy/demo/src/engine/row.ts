import type { ServeResult } from "../llama/chat.ts"
import { dialectOf } from "../llama/dialects/index.ts"
import type { ModelRequest } from "../llama/request.ts"
import { type Measured, timingsOf } from "../llama/timings.ts"
import type { ModelScenario } from "../scenario.ts"
import { NO_TOKENS, type TokenMetrics } from "./activity.ts"

/** What llama-swap can read from an answer: timings win over usage, and without either it writes zeros. */
export function tokensOf(result: ServeResult, request: ModelRequest, model: ModelScenario): TokenMetrics {
  if (result.kind !== "done" || model.reports === "nothing") return NO_TOKENS
  const dialect = dialectOf(request.path.replace(/^\/v\//, "/"))
  const { measured } = result
  if (!dialect) return { ...fromUsage(measured, false), cache_tokens: -1 }
  const streams = request.body.stream === true
  const hasTimings =
    model.reports === "timings" && (streams ? dialect.streamHasTimings : dialect.wholeHasTimings)
  if (hasTimings) return fromTimings(measured)
  const asked = request.body.stream_options?.include_usage === true
  const hasUsage = !streams || dialect.streamHasUsage || asked
  return hasUsage ? fromUsage(measured, dialect.usageExcludesCache) : NO_TOKENS
}

/** Input without what came from the cache. */
function fromTimings(measured: Measured): TokenMetrics {
  const timings = timingsOf(measured)
  return {
    cache_tokens: measured.cacheN,
    draft_tokens: measured.draft && measured.draft.drafted > 0 ? measured.draft.drafted : -1,
    draft_acc_tokens: measured.draft && measured.draft.drafted > 0 ? measured.draft.accepted : -1,
    input_tokens: measured.promptN,
    output_tokens: measured.predictedN,
    prompt_per_second: timings.prompt_per_second,
    tokens_per_second: timings.predicted_per_second,
  }
}

/** Mostly the whole prompt, cache included: the same field with another meaning. */
function fromUsage(measured: Measured, excludesCache: boolean): TokenMetrics {
  return {
    cache_tokens: measured.cacheN,
    draft_tokens: -1,
    draft_acc_tokens: -1,
    input_tokens: measured.promptN + (excludesCache ? 0 : measured.cacheN),
    output_tokens: measured.predictedN,
    prompt_per_second: -1,
    tokens_per_second: -1,
  }
}

const STATUS_TEXT: Record<number, string> = {
  400: "Bad Request",
  404: "Not Found",
  409: "Conflict",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
}

/** The error text of a row, from the answer's own words where it has some. */
export function errorMessageOf(status: number, body: string): string {
  const message = messageIn(body).trim()
  if (message !== "") return message.length > 500 ? `${message.slice(0, 500)}...` : message
  const text = STATUS_TEXT[status]
  return text ? `${status} ${text}` : `HTTP ${status}`
}

function messageIn(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body)
    return (
      textAt(parsed, ["error", "message"]) ?? textAt(parsed, ["error"]) ?? textAt(parsed, ["message"]) ?? ""
    )
  } catch {
    return ""
  }
}

function textAt(value: unknown, path: string[]): string | null {
  let at: unknown = value
  for (const key of path) {
    if (typeof at !== "object" || at === null) return null
    at = Object.entries(at).find(([name]) => name === key)?.[1]
  }
  return typeof at === "string" ? at : null
}
