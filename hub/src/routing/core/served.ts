import type { RouteAsk, RouteRefusal, TargetDialect } from "@boocontrol/shared/routing"

/** What a provider serves of the gateway's endpoints, by what it speaks. The rest is llama-swap's alone. */
const SERVED: Readonly<Record<TargetDialect, readonly string[]>> = {
  openai: [
    "chat/completions",
    "completions",
    "responses",
    "embeddings",
    "audio/speech",
    "audio/transcriptions",
    "images",
  ],
  anthropic: ["messages", "messages/count_tokens"],
}

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
  if (SERVED[dialect].includes(endpoint)) return null
  const other = dialect === "openai" ? "anthropic" : "openai"
  if (SERVED[other].includes(endpoint))
    return { reason: "dialect", why: `speaks ${dialect}, and ${endpoint} is ${other}` }
  const word = SERVED_BY_WORD[endpoint]
  if (word !== undefined && dialect === "openai") {
    if (capabilities.includes(word)) return null
    return { reason: "endpoint", why: `does not say that it has ${endpoint} (capability ${word})` }
  }
  return { reason: "endpoint", why: `has no ${endpoint}` }
}
