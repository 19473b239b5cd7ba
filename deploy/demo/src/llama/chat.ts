import { type ModelRequest, answerSeed, outputTokensOf, promptOf } from "./request.ts"
import { type Reply, sendJson } from "./reply.ts"
import type { LlamaServer } from "./server.ts"
import { type Measured, timingsOf, usageOf } from "./timings.ts"
import { wordAt, words } from "./words.ts"

export const LLAMA_FINGERPRINT = "b9340-5dd1025cf"
/** One streamed chunk without its word, about: for those who only count. */
const CHUNK_BYTES = 214
/** For a client that does not read token by token, progress this often is enough. */
const COARSE_TICK_MS = 250

export type ServeResult = { kind: "done"; measured: Measured } | { kind: "aborted" } | { kind: "refused" }

export interface ServeParts {
  server: LlamaServer
  request: ModelRequest
  reply: Reply
  signal: AbortSignal
  /** Unix seconds. */
  created: number
}

interface Answer {
  parts: ServeParts
  shape: Shape
}

interface Shape {
  chat: boolean
  id: string
}

/** Chat and plain completions, streamed or whole, as llama-server answers them. */
export async function serveCompletion(parts: ServeParts): Promise<ServeResult> {
  const { server, request, reply, signal } = parts
  const prompt = promptOf(request)
  if (prompt.tokens > server.model.context) {
    sendJson(reply, 400, contextError(prompt.tokens, server.model.context))
    return { kind: "refused" }
  }
  const streams = request.body.stream === true
  const seed = answerSeed(request)
  const shape = {
    chat: request.path.endsWith("/chat/completions"),
    id: `chatcmpl-${seed.toString(36)}${parts.created.toString(36)}`,
  }
  const answer = { parts, shape }
  const outputTokens = outputTokensOf(request)
  let sent = 0
  if (streams) reply.head(200, { "Content-Type": "text/event-stream", Server: "llama.cpp" })

  const result = await server.run(
    {
      prompt,
      outputTokens,
      cachePrompt: request.body.cache_prompt !== false,
      tickMs: streams && reply.reads ? Math.max(8, 1000 / server.model.decode_tps) : COARSE_TICK_MS,
    },
    {
      signal,
      onPromptDone() {
        if (streams && shape.chat) reply.write(event(chunk(answer, { role: "assistant", content: null })))
      },
      onTokens(count) {
        if (!streams) return
        if (reply.reads) {
          for (let index = sent; index < count; index++) {
            reply.write(event(chunk(answer, { content: wordAt(seed, index) })))
          }
        } else reply.count((count - sent) * CHUNK_BYTES)
        sent = count
      },
    },
  )
  if (result.kind === "aborted") return result
  const { measured } = result
  const report = reportOf(server, measured)
  if (streams) {
    const includeUsage = request.body.stream_options?.include_usage === true
    const last = chunk(answer, {}, finishReason(request, outputTokens))
    reply.write(event({ ...last, ...(includeUsage ? {} : report.timings) }))
    if (includeUsage) reply.write(event({ ...chunk(answer, null), ...report.usage, ...report.timings }))
    reply.write("data: [DONE]\n\n")
    reply.end()
  } else {
    const text = reply.reads ? words(seed, outputTokens) : ""
    if (!reply.reads) reply.count(outputTokens * 5)
    sendJson(reply, 200, {
      ...whole(answer, text, finishReason(request, outputTokens)),
      ...report.usage,
      ...report.timings,
    })
  }
  return { kind: "done", measured }
}

function reportOf(server: LlamaServer, measured: Measured) {
  const { reports } = server.model
  return {
    usage: reports === "nothing" ? {} : { usage: usageOf(measured) },
    timings: reports === "timings" ? { timings: timingsOf(measured) } : {},
  }
}

function finishReason(request: ModelRequest, outputTokens: number) {
  const limit = request.body.max_completion_tokens ?? request.body.max_tokens ?? -1
  return limit > 0 && outputTokens >= limit ? "length" : "stop"
}

type Delta = { role?: string; content?: string | null } | null

function chunk({ parts, shape }: Answer, delta: Delta, finish: string | null = null) {
  const choice = shape.chat
    ? { finish_reason: finish, index: 0, delta }
    : { text: delta?.content ?? "", index: 0, logprobs: null, finish_reason: finish }
  return {
    choices: delta === null ? [] : [choice],
    created: parts.created,
    id: shape.id,
    model: parts.request.body.model ?? parts.server.model.id,
    system_fingerprint: LLAMA_FINGERPRINT,
    object: shape.chat ? "chat.completion.chunk" : "text_completion",
  }
}

function whole({ parts, shape }: Answer, text: string, finish: string) {
  const choice = shape.chat
    ? { finish_reason: finish, index: 0, message: { role: "assistant", content: text } }
    : { text, index: 0, logprobs: null, finish_reason: finish }
  return {
    choices: [choice],
    created: parts.created,
    model: parts.request.body.model ?? parts.server.model.id,
    system_fingerprint: LLAMA_FINGERPRINT,
    object: shape.chat ? "chat.completion" : "text_completion",
    id: shape.id,
  }
}

function event(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

function contextError(tokens: number, context: number) {
  return {
    error: {
      code: 400,
      message: `request (${tokens} tokens) exceeds the available context size (${context} tokens), try increasing it`,
      type: "exceed_context_size_error",
      n_prompt_tokens: tokens,
      n_ctx: context,
    },
  }
}
