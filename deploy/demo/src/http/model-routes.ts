import type { Engine } from "../engine/engine.ts"
import { refuse } from "../engine/errors.ts"
import { metricsPage } from "../llama/metrics-page.ts"
import { llamaPage } from "../llama/pages.ts"
import { ModelBody, type ModelRequest } from "../llama/request.ts"
import type { Exchange } from "./exchange.ts"

export const MODEL_POST_PATHS = new Set([
  "/v1/chat/completions",
  "/v1/responses",
  "/v1/completions",
  "/v1/messages",
  "/v1/messages/count_tokens",
  "/v1/embeddings",
  "/reranking",
  "/rerank",
  "/v1/rerank",
  "/v1/reranking",
  "/infill",
  "/completion",
  "/v1/audio/speech",
  "/v1/audio/voices",
  "/v1/images/generations",
  "/sdapi/v1/txt2img",
  "/sdapi/v1/img2img",
  "/audioapi/v1/tasks/run",
  "/v/chat/completions",
  "/v/responses",
  "/v/completions",
  "/v/messages",
  "/v/messages/count_tokens",
  "/v/embeddings",
  "/v/rerank",
  "/v/reranking",
  "/v1/audio/transcriptions",
  "/v1/images/edits",
])

const IGNORED_WHILE_UNLOADED = /\.(js|json|css|png|gif|jpg|jpeg|ico|txt)$/

/** A POST on a model route: the model's name is in the body. */
export async function handleModelPost(engine: Engine, exchange: Exchange) {
  const text = await exchange.body()
  const body = parseBody(text)
  if (!body?.model) return refuseNoModel(engine, exchange)
  await engine.pipeline.serve(
    toRequest(exchange, exchange.path, { body, text }),
    exchange.reply,
    exchange.gone,
  )
}

/** GET /props?model=: loads the model, as the real one does. */
export async function handlePropsQuery(engine: Engine, exchange: Exchange) {
  const model = engine.resolve(exchange.query.get("model") ?? "")
  if (!model) return refuseNoModel(engine, exchange)
  await servePage(engine, exchange, { model, path: "/props" })
}

/** Any method, any path of the model's own server; everything here loads the model and counts as use. */
export async function handleUpstream(engine: Engine, exchange: Exchange) {
  const found = findModel(engine, exchange.path.slice("/upstream".length))
  const accept = exchange.headers["accept"] ?? ""
  if (!found)
    return refuse(exchange.reply, engine.edition, { status: 404, message: "model not found", accept })
  const reading = exchange.method === "GET" || exchange.method === "HEAD"
  if (found.rest === "/" && !exchange.path.endsWith("/")) {
    return exchange.redirect(reading ? 301 : 308, `/upstream/${found.name}/`)
  }
  const process = engine.processes.get(found.model)
  if (IGNORED_WHILE_UNLOADED.test(found.rest) && process?.state !== "ready") {
    const message = `model ${found.model} is not loaded; path matches upstream.ignorePaths`
    return refuse(exchange.reply, engine.edition, { status: 409, message, accept })
  }
  if (exchange.method === "POST" && MODEL_POST_PATHS.has(found.rest)) {
    const text = await exchange.body()
    const body = { ...parseBody(text), model: found.model }
    const request = toRequest(exchange, found.rest, { body, text })
    await engine.pipeline.serve(request, exchange.reply, exchange.gone)
    return
  }
  await servePage(engine, exchange, { model: found.model, path: found.rest })
}

async function servePage(engine: Engine, exchange: Exchange, page: { model: string; path: string }) {
  const process = engine.processes.get(page.model)
  if (!process) return refuseNoModel(engine, exchange)
  const abort = new AbortController()
  exchange.gone.addEventListener("abort", () => abort.abort("client-gone"), { once: true })
  const admission = await engine.scheduler.acquire(process, abort.signal)
  if (admission.kind !== "serve") {
    if (admission.kind === "aborted") return void exchange.response.end()
    const message = admission.kind === "failed" ? `unspecific error: ${admission.cause}` : "Too many requests"
    const status = admission.kind === "failed" ? 500 : 429
    return refuse(exchange.reply, engine.edition, {
      status,
      message,
      accept: exchange.headers["accept"] ?? "",
    })
  }
  const answer = llamaPage(process.llama, page.path, true)
  const metrics = page.path === "/metrics" ? metricsPage(process.llama) : null
  if (metrics !== null) exchange.text(200, metrics, { "Content-Type": "text/plain; version=0.0.4" })
  else if (answer)
    exchange.text(answer.status, JSON.stringify(answer.body), {
      "Content-Type": "application/json; charset=utf-8",
    })
  else if (page.path === "/")
    exchange.text(200, "<!doctype html><title>llama.cpp</title>", { "Content-Type": "text/html" })
  else exchange.text(404, LLAMA_NOT_FOUND, { "Content-Type": "application/json; charset=utf-8" })
  process.lastRequestEndedAt = engine.now()
  engine.scheduler.release(process)
}

export const LLAMA_NOT_FOUND = JSON.stringify({
  error: { code: 404, message: "File Not Found", type: "not_found_error" },
})

/** The longest beginning of the path that names a model; names may hold slashes. */
function findModel(engine: Engine, path: string): { name: string; model: string; rest: string } | null {
  const parts = path.split("/").filter((part, index, all) => part !== "" || index === all.length - 1)
  for (let count = parts.length; count > 0; count--) {
    const name = parts.slice(0, count).join("/")
    const model = engine.resolve(name)
    if (model) return { name, model, rest: `/${parts.slice(count).join("/")}` }
  }
  return null
}

function refuseNoModel(engine: Engine, exchange: Exchange) {
  const accept = exchange.headers["accept"] ?? ""
  refuse(exchange.reply, engine.edition, { status: 404, message: "no model id could be identified", accept })
}

function parseBody(text: string): ModelBody | null {
  try {
    const parsed = ModelBody.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    const model = /name="model"\r\n\r\n([^\r]+)/.exec(text)?.[1]
    return model ? { model } : null
  }
}

function toRequest(exchange: Exchange, path: string, sent: { body: ModelBody; text: string }): ModelRequest {
  const headers = Object.fromEntries(
    Object.entries(exchange.headers).filter(
      ([name]) => !["host", "connection", "transfer-encoding"].includes(name),
    ),
  )
  return {
    method: exchange.method,
    path,
    headers,
    remoteIp: exchange.remoteIp,
    body: sent.body,
    bodyText: sent.text,
    intent: null,
    abortAfterMs: null,
  }
}
