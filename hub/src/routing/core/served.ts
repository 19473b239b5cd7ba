import { TARGET_ENDPOINTS } from "@boocontrol/shared/routing"
import type { RouteAsk, RouteRefusal, TargetDialect } from "@boocontrol/shared/routing"

/** Some that speak as OpenAI does have it, OpenAI itself has not: a model that can says so, in llama-swap's word. */
const SERVED_BY_WORD: Readonly<Record<string, string>> = { rerank: "reranker" }

export interface Unserved {
  readonly reason: Extract<RouteRefusal, "dialect" | "endpoint">
  readonly why: string
}

/** Why a provider of this dialect can never serve what is asked; null: it can. */
export function unservedBy(
  dialect: TargetDialect,
  capabilities: readonly string[],
  { endpoint, served_by: by }: Pick<RouteAsk, "endpoint" | "served_by">,
): Unserved | null {
  if (by !== "any") return { reason: "endpoint", why: "what a llama-swap serves beside /v1 no provider has" }
  if (TARGET_ENDPOINTS[dialect].includes(endpoint)) return null
  const other = dialect === "openai" ? "anthropic" : "openai"
  if (TARGET_ENDPOINTS[other].includes(endpoint))
    return { reason: "dialect", why: `speaks ${dialect}, and ${endpoint} is ${other}` }
  const word = SERVED_BY_WORD[endpoint]
  if (word !== undefined && dialect === "openai") {
    if (capabilities.includes(word)) return null
    return { reason: "endpoint", why: `does not say that it has ${endpoint} (capability ${word})` }
  }
  return { reason: "endpoint", why: `has no ${endpoint}` }
}
