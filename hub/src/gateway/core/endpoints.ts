import type { EndpointKind } from "@boocontrol/shared/gateway"

/** What a path of the gateway means. */
export type Endpoint =
  | Forward
  /** `model` null: all of them. */
  | { readonly does: "models"; readonly api: Api; readonly path: string; readonly model: string | null }
  | { readonly does: "props"; readonly api: Api; readonly path: string; readonly model: string }
  | { readonly does: "preflight"; readonly api: Api; readonly path: string; readonly allowed: string }
  | { readonly does: "refuse"; readonly api: Api; readonly path: string; readonly allowed: string | null }

export interface Forward {
  readonly does: "forward"
  readonly kind: EndpointKind
  readonly api: Api
  /** As the client asked, query included. */
  readonly path: string
  /** What may serve it: anything; no provider; only a host that has the model loaded. */
  readonly servedBy: "any" | "host" | "loaded"
  /** Where the path names the model. */
  readonly upstream: Upstream | null
}

/** `/upstream/<model><rest>` */
export interface Upstream {
  readonly model: string
  /** Path and query at the model's own server. */
  readonly rest: string
}

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

/** Of a model's own server: what is read there, and what is worked out there without a slot. A look loads nothing. */
const LOOKS: Readonly<Record<string, readonly string[]>> = {
  GET: ["/slots", "/metrics", "/health", "/lora-adapters", "/models", "/v1/models"],
  POST: ["/tokenize", "/detokenize", "/apply-template"],
}

/** No route of a model has more parts than this. */
const MOST_PARTS = 4
const MODELS = "/v1/models/"
const ALL_MODELS = new Set(["/v1/models", MODELS, "/models"])
const METHODS = ["GET", "POST"] as const

/** Null: not the gateway's. `target` is path and query below the base path. */
export function endpointOf(method: string, target: string): Endpoint | null {
  const path = pathOf(target)
  const asked = method === "HEAD" ? "GET" : method
  const found = asked === "OPTIONS" ? preflightOf(target) : servedAt(asked, target)
  if (found !== null) return found
  const allowed = allowedAt(target)
  const isOurs = path.startsWith("/v1/") || path === "/v1" || path.startsWith("/upstream/")
  if (!isOurs && allowed.length === 0) return null
  const other = allowed[0] === undefined ? null : servedAt(allowed[0], target)
  return { does: "refuse", api: other?.api ?? "openai", path: target, allowed: allowed.join(", ") || null }
}

function allowedAt(target: string): string[] {
  return METHODS.filter((method) => servedAt(method, target) !== null)
}

/** For the header `Allow`: whoever may read may ask for the head alone, and anybody may ask what is allowed. */
export function allowHeader(allowed: string): string {
  return [...allowed.split(", ").flatMap((one) => (one === "GET" ? ["GET", "HEAD"] : [one])), "OPTIONS"].join(
    ", ",
  )
}

/** What a browser asks before it sends a page's request to another origin. */
function preflightOf(target: string): Endpoint | null {
  const allowed = allowedAt(target)
  if (allowed.length === 0) return null
  return { does: "preflight", api: "openai", path: target, allowed: [...allowed, "OPTIONS"].join(", ") }
}

function servedAt(method: string, target: string): Exclude<Endpoint, { does: "refuse" }> | null {
  const path = pathOf(target)
  const kind = kindAt(method, path)
  if (kind !== undefined) {
    const servedBy = path.startsWith("/v1/") ? "any" : "host"
    return { does: "forward", kind, api: apiOf(kind), path: target, servedBy, upstream: null }
  }
  if (method === "GET") {
    if (ALL_MODELS.has(path)) return { does: "models", api: "openai", path: target, model: null }
    if (path.startsWith(MODELS))
      return { does: "models", api: "openai", path: target, model: decoded(path.slice(MODELS.length)) }
    const model = propsModel(path, target.slice(path.length + 1))
    if (model !== null) return { does: "props", api: "openai", path: target, model }
  }
  return underUpstream(method, target)
}

function kindAt(method: string, path: string): EndpointKind | undefined {
  if (method === "GET") return GETS[path]
  if (method !== "POST") return undefined
  // `/v/chat/completions`: the engine's own path without a version.
  if (path.startsWith("/v/")) return POSTS[path.slice(2)]
  return path.startsWith("/v1/") ? POSTS[path.slice(3)] : BARE_POSTS[path]
}

/** `/upstream/<model>/v1/chat/completions`: names may hold slashes, so that it is told by its end, the longest that fits. */
function underUpstream(method: string, target: string): Forward | null {
  const path = pathOf(target)
  const start = "/upstream/".length
  if (!path.startsWith("/upstream/")) return null
  let found: Forward | null = null
  let at = path.length
  for (let parts = 0; parts < MOST_PARTS; parts++) {
    at = path.lastIndexOf("/", at - 1)
    if (at <= start) break
    const end = path.slice(at)
    const kind = kindAt(method, end)
    const isLook = LOOKS[method]?.includes(end) === true
    if (kind === undefined && !isLook) continue
    found = {
      ...{ does: "forward", kind: kind ?? "other", api: apiOf(kind ?? "other"), path: target },
      ...{ servedBy: isLook ? "loaded" : "host" },
      upstream: { model: decoded(path.slice(start, at)), rest: target.slice(at) },
    }
  }
  return found
}

function pathOf(target: string): string {
  const mark = target.indexOf("?")
  return mark === -1 ? target : target.slice(0, mark)
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
