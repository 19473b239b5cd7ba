import type { EndpointKind } from "@boocontrol/shared/gateway"

/** What a path of the gateway means. */
export type Endpoint =
  | { readonly does: "forward"; readonly kind: EndpointKind; readonly api: Api; readonly path: string }
  | { readonly does: "models"; readonly api: Api; readonly path: string }
  | { readonly does: "props"; readonly api: Api; readonly path: string; readonly model: string }
  | { readonly does: "refuse"; readonly api: Api; readonly path: string; readonly allowed: string | null }

/** Whose error shape the client expects. */
export type Api = "openai" | "anthropic"

const POSTS: Readonly<Record<string, EndpointKind>> = {
  "/chat/completions": "chat",
  "/completions": "completion",
  "/responses": "responses",
  "/messages": "messages",
  "/messages/count_tokens": "count_tokens",
  "/embeddings": "embeddings",
  "/rerank": "rerank",
  "/reranking": "rerank",
  "/audio/speech": "speech",
  "/audio/voices": "voices",
  "/audio/transcriptions": "transcription",
  "/images/generations": "images",
  "/images/edits": "images",
}

/** What llama-swap serves beside `/v1`. */
const BARE_POSTS: Readonly<Record<string, EndpointKind>> = {
  "/rerank": "rerank",
  "/reranking": "rerank",
  "/infill": "infill",
  "/completion": "completion",
  "/sdapi/v1/txt2img": "images",
  "/sdapi/v1/img2img": "images",
  "/audioapi/v1/tasks/run": "other",
}

/** Their model stands in the query. */
const GETS: Readonly<Record<string, EndpointKind>> = {
  "/v1/audio/voices": "voices",
  "/sdapi/v1/loras": "other",
}

/** Null: not the gateway's. `target` is path and query below the base path. */
export function endpointOf(method: string, target: string): Endpoint | null {
  const mark = target.indexOf("?")
  const path = mark === -1 ? target : target.slice(0, mark)
  const isV1 = path.startsWith("/v1/")
  if (method === "POST") {
    const kind = isV1 ? POSTS[path.slice(3)] : (BARE_POSTS[path] ?? bareVersion(path))
    if (kind !== undefined) return { does: "forward", kind, api: apiOf(kind), path: target }
  } else if (method === "GET" || method === "HEAD") {
    if (path === "/v1/models" || path === "/v1/models/")
      return { does: "models", api: "openai", path: target }
    const kind = GETS[path]
    if (kind !== undefined) return { does: "forward", kind, api: "openai", path: target }
    const model = propsModel(path, mark === -1 ? "" : target.slice(mark + 1))
    if (model !== null) return { does: "props", api: "openai", path: target, model }
  }
  if (!isV1 && path !== "/v1" && !path.startsWith("/upstream/")) return null
  const known = POSTS[path.slice(3)]
  const allowed = known !== undefined && isV1 ? "POST" : path === "/v1/models" ? "GET" : null
  return { does: "refuse", api: known === undefined ? "openai" : apiOf(known), path: target, allowed }
}

/** `/v/chat/completions`: the engine's own path without a version. */
function bareVersion(path: string): EndpointKind | undefined {
  return path.startsWith("/v/") ? POSTS[path.slice(2)] : undefined
}

function apiOf(kind: EndpointKind): Api {
  return kind === "messages" || kind === "count_tokens" ? "anthropic" : "openai"
}

/** `/upstream/<model>/props`, slashes in the model included, and `/props?model=<model>`. */
function propsModel(path: string, query: string): string | null {
  if (path === "/props") return new URLSearchParams(query).get("model") ?? ""
  const model = /^\/upstream\/(.+)\/props$/.exec(path)?.[1]
  return model === undefined ? null : decoded(model)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function queryModel(target: string): string | null {
  const mark = target.indexOf("?")
  return mark === -1 ? null : new URLSearchParams(target.slice(mark + 1)).get("model")
}
