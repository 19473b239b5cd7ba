import { serveCompletion, type ServeParts, type ServeResult } from "./chat.ts"
import { dialectOf } from "./dialects/index.ts"
import { sendJson } from "./reply.ts"
import { promptOf } from "./request.ts"
import { serveVectors } from "./vectors.ts"

const RERANK = new Set(["/v1/rerank", "/rerank", "/v1/reranking", "/reranking"])
const EMBEDDINGS = new Set(["/v1/embeddings", "/embeddings"])

/** One request to one llama-server; what it does not know gets its own 404. */
export async function serveModelRequest(parts: ServeParts): Promise<ServeResult> {
  const path = parts.request.path.replace(/^\/v\//, "/")
  const { kind } = parts.server.model
  const dialect = dialectOf(path)
  if (dialect) return kind === "chat" ? serveCompletion(parts, dialect) : refuseKind(parts, "completions")
  if (EMBEDDINGS.has(path)) {
    return kind === "embedding"
      ? serveVectors(parts)
      : refuseKind(parts, "embeddings. Start it with `--embeddings`")
  }
  if (RERANK.has(path)) {
    return kind === "rerank"
      ? serveVectors(parts)
      : refuseKind(parts, "reranking. Start it with `--reranking`")
  }
  if (path === "/v1/messages/count_tokens" || path === "/messages/count_tokens") {
    sendJson(parts.reply, 200, { input_tokens: promptOf(parts.request).tokens })
    return { kind: "refused" }
  }
  sendJson(parts.reply, 404, { error: { code: 404, message: "File Not Found", type: "not_found_error" } })
  return { kind: "refused" }
}

function refuseKind(parts: ServeParts, what: string): ServeResult {
  const message = `This server does not support ${what}`
  sendJson(parts.reply, 501, { error: { code: 501, message, type: "not_supported_error" } })
  return { kind: "refused" }
}
