import { answerSeed, type ModelRequest, outputLimitOf, outputTokensOf, promptOf } from "./request.ts"
import type { ModelScenario } from "../scenario.ts"
import { dialectOf } from "./dialects/index.ts"
import type { Answer, Dialect } from "./dialects/dialect.ts"
import { type Reply, sendJson } from "./reply.ts"
import type { LlamaServer } from "./server.ts"
import type { Measured } from "./timings.ts"
import { forcedCall } from "./tool-call.ts"
import { wordAt, words } from "./words.ts"

const STREAM_HEADERS = {
  "Access-Control-Allow-Origin": "",
  "Content-Type": "text/event-stream",
  Server: "llama.cpp",
  "X-Accel-Buffering": "no",
}
/** One streamed chunk, about: for those who only count. */
const CHUNK_BYTES = 245
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

/** What will be said, known before it is: the same request gets the same words. */
function answerOf(model: ModelScenario, request: ModelRequest, created: number): Answer {
  const outputTokens = outputTokensOf(request)
  return {
    id: `chatcmpl-${answerSeed(request).toString(36)}${created.toString(36)}`,
    model: request.body.model ?? model.id,
    created,
    request,
    promptTokens: promptOf(request).tokens,
    outputTokens,
    truncated: outputTokens >= (outputLimitOf(request) ?? Infinity),
    call: model.tools ? forcedCall(request.body) : null,
    reports: model.reports,
  }
}

/** The whole answer once more, for a capture of a client that did not read it. */
export function renderAnswer(
  model: ModelScenario,
  request: ModelRequest,
  done: { measured: Measured; created: number },
) {
  const dialect = dialectOf(request.path.replace(/^\/v\//, "/"))
  if (!dialect) return "{}"
  const answer = answerOf(model, request, done.created)
  const seed = answerSeed(request)
  const text = words(seed, answer.outputTokens)
  if (request.body.stream !== true) return JSON.stringify(dialect.whole(answer, text, done.measured))
  const tokens = Array.from({ length: answer.outputTokens }, (_, index) =>
    dialect.token(answer, wordAt(seed, index), index),
  )
  return dialect.open(answer) + tokens.join("") + dialect.close(answer, text, done.measured)
}

/** A generated answer, streamed or whole, in the words of the API that was asked. */
export async function serveCompletion(parts: ServeParts, dialect: Dialect): Promise<ServeResult> {
  const { server, request, reply, signal } = parts
  const prompt = promptOf(request)
  if (prompt.tokens > server.model.context) {
    sendJson(reply, 400, contextError(prompt.tokens, server.model.context))
    return { kind: "refused" }
  }
  const streams = request.body.stream === true
  const seed = answerSeed(request)
  const outputTokens = outputTokensOf(request)
  const answer = answerOf(server.model, request, parts.created)
  let sent = 0
  if (streams) reply.head(200, STREAM_HEADERS)
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
        if (streams) reply.write(dialect.open(answer))
      },
      onTokens(count) {
        if (!streams) return
        if (!reply.reads) reply.count((count - sent) * CHUNK_BYTES)
        else
          for (let index = sent; index < count; index++)
            reply.write(dialect.token(answer, wordAt(seed, index), index))
        sent = count
      },
    },
  )
  if (result.kind === "aborted") return result
  const text = reply.reads ? words(seed, outputTokens) : ""
  if (streams) {
    reply.write(dialect.close(answer, text, result.measured))
    reply.end()
  } else {
    if (!reply.reads) reply.count(outputTokens * 5)
    sendJson(reply, 200, dialect.whole(answer, text, result.measured))
  }
  return result
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
