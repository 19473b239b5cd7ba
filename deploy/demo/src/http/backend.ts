import { serveModelRequest } from "../llama/handler.ts"
import { metricsPage } from "../llama/metrics-page.ts"
import { llamaPage } from "../llama/pages.ts"
import { ModelBody } from "../llama/request.ts"
import type { ModelProcess } from "../engine/process.ts"
import { createExchange, type Exchange } from "./exchange.ts"
import { LLAMA_NOT_FOUND } from "./model-routes.ts"
import { listen, type Listener } from "./server.ts"

/** The llama-server behind a model, at the `proxy` of /running: reading here neither loads nor keeps it. */
export async function listenAsBackend(process: ModelProcess, now: () => number): Promise<Listener> {
  return listen((request, response) => {
    // Nothing listens while the process does not run.
    if (process.state === "stopped" || process.state === "stopping") return void request.socket.destroy()
    void answer(process, createExchange(request, response), now)
  }, 0)
}

async function answer(process: ModelProcess, exchange: Exchange, now: () => number) {
  const json = { "Content-Type": "application/json; charset=utf-8", Server: "llama.cpp" }
  if (exchange.method === "GET") {
    if (exchange.path === "/metrics" && process.state === "ready") {
      return exchange.text(200, metricsPage(process.llama), { "Content-Type": "text/plain; version=0.0.4" })
    }
    const page = llamaPage(process.llama, exchange.path, process.state === "ready")
    if (page) exchange.text(page.status, JSON.stringify(page.body), json)
    else exchange.text(404, LLAMA_NOT_FOUND, json)
    return
  }
  const body = ModelBody.safeParse(parseJson(await exchange.body()))
  if (!body.success) return exchange.text(400, LLAMA_NOT_FOUND, json)
  const { reply, headers, remoteIp, path, method } = exchange
  const abort = new AbortController()
  exchange.gone.addEventListener("abort", () => abort.abort("client-gone"), { once: true })
  process.serving.add(abort)
  try {
    const request = {
      method,
      path,
      headers,
      remoteIp,
      body: body.data,
      bodyText: null,
      intent: null,
      abortAfterMs: null,
    }
    const created = Math.floor(now() / 1000)
    const result = await serveModelRequest({
      server: process.llama,
      request,
      reply,
      signal: abort.signal,
      created,
    })
    if (result.kind === "aborted") exchange.response.destroy()
  } finally {
    process.serving.delete(abort)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
