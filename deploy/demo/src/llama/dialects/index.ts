import { messages } from "./anthropic.ts"
import type { Dialect } from "./dialect.ts"
import { nativeCompletion } from "./native.ts"
import { chatCompletions, completions } from "./openai.ts"
import { responses } from "./responses.ts"

const BY_PATH: Record<string, Dialect> = {
  "/v1/chat/completions": chatCompletions,
  "/chat/completions": chatCompletions,
  "/v1/completions": completions,
  "/completions": completions,
  "/completion": nativeCompletion,
  "/v1/messages": messages,
  "/messages": messages,
  "/v1/responses": responses,
  "/responses": responses,
}

export function dialectOf(path: string): Dialect | null {
  return Object.hasOwn(BY_PATH, path) ? (BY_PATH[path] ?? null) : null
}
