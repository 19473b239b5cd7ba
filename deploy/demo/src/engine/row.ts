import type { ServeResult } from "../llama/chat.ts"
import type { Measured } from "../llama/timings.ts"
import type { ModelScenario } from "../scenario.ts"
import { NO_TOKENS, type TokenMetrics } from "./activity.ts"

/** What llama-swap can read from an answer: timings win over usage, and without either it writes zeros. */
export function tokensOf(
  result: ServeResult,
  request: { model: ModelScenario; vectors: boolean; usageInStream: boolean },
) {
  if (result.kind !== "done") return NO_TOKENS
  const { measured } = result
  const { reports } = request.model
  if (request.vectors) return { ...fromUsage(measured), cache_tokens: -1 }
  if (reports === "timings") return fromTimings(measured)
  return reports === "usage" && request.usageInStream ? fromUsage(measured) : NO_TOKENS
}

/** Input without what came from the cache. */
function fromTimings(measured: Measured): TokenMetrics {
  return {
    cache_tokens: measured.cacheN,
    draft_tokens: measured.draft && measured.draft.drafted > 0 ? measured.draft.drafted : -1,
    draft_acc_tokens: measured.draft && measured.draft.drafted > 0 ? measured.draft.accepted : -1,
    input_tokens: measured.promptN,
    output_tokens: measured.predictedN,
    prompt_per_second: (1000 * measured.promptN) / measured.promptMs,
    tokens_per_second: (1000 * measured.predictedN) / measured.predictedMs,
  }
}

/** The whole prompt, cache included: the same field with another meaning. */
function fromUsage(measured: Measured): TokenMetrics {
  return {
    cache_tokens: measured.cacheN,
    draft_tokens: -1,
    draft_acc_tokens: -1,
    input_tokens: measured.cacheN + measured.promptN,
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
