import type { Engine } from "../engine/engine.ts"
import { refuse } from "../engine/errors.ts"
import * as api from "./api-routes.ts"
import { isAuthorized } from "./auth.ts"
import type { Exchange } from "./exchange.ts"
import { handleModelPost, handlePropsQuery, handleUpstream, MODEL_POST_PATHS } from "./model-routes.ts"
import type { EventStreams } from "./streams.ts"

type Handler = (engine: Engine, exchange: Exchange, rest: string) => unknown

interface Route {
  method: string
  /** A trailing slash and star stand for "and everything below". */
  path: string
  handle: Handler
  /** Of which releases; all where absent. */
  since?: number
  until?: number
}

export function createRouter(engine: Engine, streams: EventStreams) {
  const ok: Handler = (_, exchange) =>
    exchange.text(200, "OK", { "Content-Type": "text/plain; charset=utf-8" })
  const routes: Route[] = [
    { method: "GET", path: "/api/events", handle: (_, exchange) => streams.open(exchange.response) },
    { method: "GET", path: "/api/metrics/activity", handle: api.handleActivity, since: 236 },
    { method: "GET", path: "/api/metrics/stats", handle: api.handleStats, since: 236 },
    { method: "GET", path: "/api/metrics", handle: api.handleOldMetrics, until: 235 },
    { method: "GET", path: "/api/performance", handle: api.handlePerformance },
    { method: "GET", path: "/api/captures/*", handle: api.handleCapture },
    { method: "GET", path: "/api/version", handle: api.handleVersion },
    {
      method: "GET",
      path: "/api/hardware",
      handle: (e, exchange) => exchange.json(200, e.hardware()),
      since: 247,
    },
    { method: "GET", path: "/api/profiles", handle: api.handleProfiles, since: 241 },
    { method: "PUT", path: "/api/profiles/active", handle: api.handleActiveProfile, since: 241 },
    { method: "POST", path: "/api/models/unload", handle: api.handleUnloadAll },
    { method: "POST", path: "/api/models/unload/*", handle: api.handleUnloadModel },
    {
      method: "POST",
      path: "/api/inflight/*",
      handle: (e, exchange, rest) => api.handleCancel(e, exchange, rest.replace(/\/cancel$/, "")),
    },
    { method: "GET", path: "/running", handle: (e, exchange) => exchange.json(200, e.listing.running()) },
    { method: "GET", path: "/v1/models", handle: api.handleModels },
    { method: "GET", path: "/models", handle: api.handleModels, since: 250 },
    { method: "GET", path: "/unload", handle: api.handleUnloadAll },
    { method: "GET", path: "/metrics", handle: api.handlePrometheus },
    { method: "GET", path: "/logs", handle: api.handleLogs },
    { method: "GET", path: "/logs/stream", handle: (e, exchange) => api.handleLogStream(e, exchange, "") },
    { method: "GET", path: "/logs/stream/*", handle: api.handleLogStream },
    { method: "GET", path: "/health", handle: ok },
    { method: "GET", path: "/wol-health", handle: ok },
    { method: "GET", path: "/props", handle: handlePropsQuery },
    { method: "GET", path: "/", handle: (_, exchange) => exchange.redirect(302, "/ui") },
    { method: "GET", path: "/upstream", handle: (_, exchange) => exchange.redirect(302, "/ui/models") },
    { method: "*", path: "/upstream/*", handle: handleUpstream },
    ...[...MODEL_POST_PATHS].map((path) => ({ method: "POST", path, handle: handleModelPost })),
  ]
  const { release } = engine.edition
  const known = routes.filter(({ since = 0, until = Infinity }) => since <= release && release <= until)

  return async (exchange: Exchange) => {
    const { path, method, headers } = exchange
    if (method === "OPTIONS") return answerPreflight(exchange)
    const atPath = known.flatMap((route) => {
      const rest = restBehind(route.path, path)
      return rest === null ? [] : [{ route, rest }]
    })
    const found = atPath.find(({ route }) => route.method === "*" || route.method === method)
    if (!found)
      return notServed(
        exchange,
        atPath.map(({ route }) => route.method),
      )
    if (!isAuthorized(engine.scenario.api_keys, path, headers)) {
      return refuse(exchange.reply, engine.edition, {
        status: 401,
        message: "unauthorized: invalid or missing API key",
        accept: headers["accept"] ?? "",
        headers: { "WWW-Authenticate": 'Basic realm="llama-swap"' },
      })
    }
    await found.route.handle(engine, exchange, found.rest)
  }
}

function restBehind(pattern: string, path: string): string | null {
  if (!pattern.endsWith("/*")) return pattern === path ? "" : null
  const prefix = pattern.slice(0, -1)
  return path.startsWith(prefix) ? path.slice(prefix.length) : null
}

/** Go's own answers where no route matches. */
function notServed(exchange: Exchange, allowed: string[]) {
  const headers = { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" }
  if (allowed.length === 0) return exchange.text(404, "404 page not found\n", headers)
  const allow = [
    ...new Set(allowed.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))),
  ].join(", ")
  exchange.text(405, "Method Not Allowed\n", { ...headers, Allow: allow })
}

function answerPreflight(exchange: Exchange) {
  exchange.response.writeHead(204, {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers":
      exchange.headers["access-control-request-headers"] ??
      "Content-Type, Authorization, Accept, X-Requested-With",
    "Access-Control-Max-Age": "86400",
  })
  exchange.response.end()
}
