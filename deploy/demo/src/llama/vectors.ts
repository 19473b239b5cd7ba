import { createRandom } from "../random.ts"
import type { ServeParts, ServeResult } from "./chat.ts"
import { sendJson } from "./reply.ts"
import { type ModelRequest, answerSeed, promptOf } from "./request.ts"

const DIMENSIONS = 64

/** Embeddings and reranking: prefill only, usage without timings. */
export async function serveVectors(parts: ServeParts): Promise<ServeResult> {
  const { server, request, reply, signal } = parts
  const prompt = promptOf(request)
  const nothing = { signal, onPromptDone() {}, onTokens() {} }
  const task = {
    prompt: { ...prompt, session: null, text: null },
    outputTokens: 0,
    cachePrompt: false,
    tickMs: 250,
  }
  const result = await server.run(task, nothing)
  if (result.kind === "aborted") return result
  const usage = { prompt_tokens: prompt.tokens, total_tokens: prompt.tokens }
  const model = request.body.model ?? server.model.id
  if (request.path.includes("rerank"))
    sendJson(reply, 200, { model, object: "list", usage, results: ranking(request) })
  else if (reply.reads) sendJson(reply, 200, { model, object: "list", usage, data: vectors(request) })
  else {
    reply.count(inputsOf(request).length * 1024 * 11)
    sendJson(reply, 200, { model, object: "list", usage })
  }
  return result
}

function inputsOf(request: ModelRequest): unknown[] {
  return Array.isArray(request.body.input) ? request.body.input : [request.body.input]
}

function vectors(request: ModelRequest) {
  return inputsOf(request).map((input, index) => {
    const random = createRandom(JSON.stringify(input) ?? "")
    const embedding = Array.from({ length: DIMENSIONS }, () => random.between(-0.1, 0.1))
    const isPacked = request.body["encoding_format"] === "base64"
    return {
      embedding: isPacked ? Buffer.from(new Float32Array(embedding).buffer).toString("base64") : embedding,
      index,
      object: "embedding",
    }
  })
}

function ranking(request: ModelRequest) {
  const random = createRandom(answerSeed(request))
  return (request.body.documents ?? [null])
    .map((_, index) => ({ index, relevance_score: random.between(-8, 4) }))
    .sort((left, right) => right.relevance_score - left.relevance_score)
}
