import { serveCompletion, type ServeParts, type ServeResult } from "./chat.ts"
import { sendJson } from "./reply.ts"
import { serveVectors } from "./vectors.ts"

const COMPLETIONS = new Set(["/v1/chat/completions", "/chat/completions", "/v1/completions", "/completions"])
const VECTORS = new Set([
  "/v1/embeddings",
  "/embeddings",
  "/v1/rerank",
  "/rerank",
  "/v1/reranking",
  "/reranking",
])

/** One request to one llama-server; what it does not know gets its own 404. */
export async function serveModelRequest(parts: ServeParts): Promise<ServeResult> {
  const path = parts.request.path.replace(/^\/v\//, "/")
  const { kind } = parts.server.model
  if (COMPLETIONS.has(path) && kind === "chat") return serveCompletion(parts)
  if (VECTORS.has(path)) return serveVectors(parts)
  const known = COMPLETIONS.has(path)
  sendJson(parts.reply, known ? 501 : 404, {
    error: known
      ? { code: 501, message: "This server does not support completions.", type: "not_supported_error" }
      : { code: 404, message: "File Not Found", type: "not_found_error" },
  })
  return { kind: "refused" }
}
