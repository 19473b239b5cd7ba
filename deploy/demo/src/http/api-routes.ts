import { activityStats } from "../engine/activity-stats.ts"
import { queryActivity } from "../engine/activity-query.ts"
import type { Engine } from "../engine/engine.ts"
import { refuse } from "../engine/errors.ts"
import type { LogMonitor } from "../engine/logs.ts"
import type { Exchange } from "./exchange.ts"
import { rowsWithCaptures } from "./frames.ts"
import { goJson } from "../go-json.ts"
import { prometheusText } from "./prometheus.ts"

function refuseWith(engine: Engine, exchange: Exchange, [status, message]: [number, string]) {
  refuse(exchange.reply, engine.edition, { status, message, accept: exchange.headers["accept"] ?? "" })
}

export function handleActivity(engine: Engine, exchange: Exchange) {
  const outcome = queryActivity(rowsWithCaptures(engine), exchange.query, engine.edition.afterV250)
  if (outcome.ok) exchange.json(200, outcome.page)
  else refuseWith(engine, exchange, [400, outcome.message])
}

export function handleStats(engine: Engine, exchange: Exchange) {
  exchange.json(200, activityStats(engine.activity().rows(), exchange.query.get("model")?.trim() ?? ""))
}

/** Before v236: everything at once, oldest first. */
export function handleOldMetrics(engine: Engine, exchange: Exchange) {
  exchange.text(200, goJson(rowsWithCaptures(engine)), { "Content-Type": "application/json" })
}

export function handlePerformance(engine: Engine, exchange: Exchange) {
  if (!engine.scenario.performance.enabled) return exchange.json(503, { enabled: false })
  const page = engine.performance.page(exchange.query.get("after"))
  if (page) exchange.json(200, { enabled: true, ...page })
  else refuseWith(engine, exchange, [400, "invalid 'after' timestamp, use RFC3339 format"])
}

export function handlePrometheus(engine: Engine, exchange: Exchange) {
  if (!engine.scenario.performance.enabled) return exchange.text(503, "# performance monitor not available\n")
  exchange.text(200, prometheusText(engine.performance), {
    "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
  })
}

export function handleCapture(engine: Engine, exchange: Exchange, id: string) {
  if (!/^[+-]?\d+$/.test(id)) return refuseWith(engine, exchange, [400, "invalid capture ID"])
  const capture = engine.captures.get(Number(id))
  if (!capture) return refuseWith(engine, exchange, [404, "capture not found"])
  exchange.text(200, goJson(capture), { "Content-Type": "application/json" })
}

export function handleCancel(engine: Engine, exchange: Exchange, id: string) {
  if (engine.inflight.cancel(id)) exchange.json(200, { msg: "ok" })
  else refuseWith(engine, exchange, [404, "inflight request not found"])
}

export async function handleUnloadAll(engine: Engine, exchange: Exchange) {
  await engine.unload(null)
  if (exchange.method === "POST") exchange.json(200, { msg: "ok" })
  else exchange.text(200, "OK", { "Content-Type": "text/plain; charset=utf-8" })
}

export async function handleUnloadModel(engine: Engine, exchange: Exchange, name: string) {
  const model = engine.resolve(name)
  if (!model) return refuseWith(engine, exchange, [404, "model not found"])
  await engine.unload([model])
  exchange.text(200, "OK", { "Content-Type": "text/plain; charset=utf-8" })
}

export function handleModels(engine: Engine, exchange: Exchange) {
  const origin = exchange.headers["origin"]
  if (origin) exchange.response.setHeader("Access-Control-Allow-Origin", origin)
  exchange.json(200, engine.listing.openAi(Math.floor(engine.now() / 1000)))
}

export function handleVersion(engine: Engine, exchange: Exchange) {
  const commit = /-g([0-9a-f]+)$/.exec(engine.edition.version)?.[1] ?? "6c9c4d1e"
  exchange.json(200, { build_date: "2026-08-14T15:45:40Z", commit, version: engine.edition.version })
}

export function handleProfiles(engine: Engine, exchange: Exchange) {
  const profiles = engine.scenario.profiles.toSorted((left, right) => (left.id < right.id ? -1 : 1))
  exchange.json(200, { active: engine.profile(), profiles })
}

export async function handleActiveProfile(engine: Engine, exchange: Exchange) {
  let name: unknown
  try {
    const parsed: unknown = JSON.parse(await exchange.body())
    if (typeof parsed !== "object" || parsed === null) throw new Error("not an object")
    if (!("name" in parsed)) return refuseWith(engine, exchange, [400, "profile name is required"])
    name = parsed.name
  } catch {
    return refuseWith(engine, exchange, [400, "invalid profile request"])
  }
  if (name !== null && typeof name !== "string") {
    return refuseWith(engine, exchange, [400, "profile name must be a string or null"])
  }
  if (!engine.setProfile(name || null))
    return refuseWith(engine, exchange, [404, `profile "${name}" not found`])
  exchange.json(200, { active: engine.profile() })
}

export function handleLogs(engine: Engine, exchange: Exchange) {
  if (exchange.headers["accept"]?.includes("text/html")) return exchange.redirect(302, "/ui/")
  exchange.response.writeHead(200, { "Content-Type": "text/plain" })
  exchange.response.end(engine.logs.mux.history())
}

export function handleLogStream(engine: Engine, exchange: Exchange, name: string) {
  const monitor = monitorNamed(engine, name)
  if (!monitor) {
    return refuseWith(engine, exchange, [400, "invalid logger. Use 'proxy', 'upstream' or a model's ID"])
  }
  const { response } = exchange
  response.writeHead(200, {
    "Content-Type": "text/plain",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",
  })
  // Headers leave with the first text: of a silent log nobody sees even these.
  const history = exchange.query.has("no-history") ? null : monitor.history()
  if (history?.length) response.write(history)
  const off = monitor.onData((data) => response.write(data))
  response.on("close", off)
}

function monitorNamed(engine: Engine, name: string): LogMonitor | null {
  if (name === "") return engine.logs.mux
  if (name === "proxy") return engine.logs.proxy
  if (name === "upstream") return engine.logs.upstream
  return engine.processes.get(engine.resolve(name) ?? "")?.log ?? null
}
