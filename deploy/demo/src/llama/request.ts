import { z } from "zod"
import { hash } from "../random.ts"
import type { Prompt } from "./slots.ts"

/** As much of an OpenAI-like request as the model server looks at. */
export const ModelBody = z.looseObject({
  model: z.string().optional(),
  stream: z.boolean().optional().catch(undefined),
  messages: z.array(z.unknown()).optional().catch(undefined),
  prompt: z.unknown().optional(),
  input: z.unknown().optional(),
  query: z.unknown().optional(),
  documents: z.array(z.unknown()).optional().catch(undefined),
  max_tokens: z.number().optional().catch(undefined),
  max_completion_tokens: z.number().optional().catch(undefined),
  max_output_tokens: z.number().optional().catch(undefined),
  n_predict: z.number().optional().catch(undefined),
  cache_prompt: z.boolean().optional().catch(undefined),
  timings_per_token: z.boolean().optional().catch(undefined),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).optional().catch(undefined),
})
export type ModelBody = z.infer<typeof ModelBody>

/** What a simulated client has in mind; a real client's request is read for it. */
export interface Intent {
  promptTokens: number
  outputTokens: number
  session: string | null
}

export interface ModelRequest {
  method: string
  path: string
  headers: Record<string, string>
  remoteIp: string
  body: ModelBody
  /** As the client sent it; null where a simulated client sent nothing. */
  bodyText: string | null
  intent: Intent | null
  /** Simulated clients only: gone after this long. */
  abortAfterMs: number | null
}

const CHARACTERS_PER_TOKEN = 4
const DEFAULT_OUTPUT_TOKENS = 160

export function promptOf(request: ModelRequest): Prompt {
  const { intent, body } = request
  if (intent) return { tokens: Math.max(1, intent.promptTokens), session: intent.session, text: null }
  const text =
    JSON.stringify(body.messages ?? body.prompt ?? body.input ?? [body.query, body.documents]) ?? ""
  return { tokens: Math.max(1, Math.ceil(text.length / CHARACTERS_PER_TOKEN)), session: null, text }
}

/** null = the client set none. */
export function outputLimitOf({ body }: ModelRequest): number | null {
  const limit =
    body.max_completion_tokens ?? body.max_tokens ?? body.max_output_tokens ?? body.n_predict ?? -1
  return limit > 0 ? limit : null
}

export function outputTokensOf(request: ModelRequest): number {
  const limit = outputLimitOf(request)
  if (request.intent) return Math.max(1, Math.min(limit ?? Infinity, request.intent.outputTokens))
  return limit ?? DEFAULT_OUTPUT_TOKENS
}

/** Decides the words of the answer: the same question gets the same answer. */
export function answerSeed(request: ModelRequest): number {
  return hash(JSON.stringify(request.body.messages ?? request.body.prompt ?? "") + request.path) >>> 8
}
