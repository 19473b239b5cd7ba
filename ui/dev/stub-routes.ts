import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import type { IncomingMessage, ServerResponse } from "node:http"
import { extname, join, normalize } from "node:path"
import { pathToFileURL } from "node:url"
import type { ActivityRow } from "@boocontrol/shared/activity"
import { ModelPref } from "@boocontrol/shared/fleet"
import { HostId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { snapshotOf } from "./stub-state.ts"
import type { StubState } from "./stub-state.ts"
import { captureOf } from "./captures.ts"
import { modelEvents, perfReply } from "./history.ts"

const DIST = join(import.meta.dirname, "../dist")
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
}
// The same policy as the hub's, so that what it forbids is seen here.
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; img-src 'self' data:; font-src 'self'"

export async function answer(
  state: StubState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://stub")
  if (!url.pathname.startsWith("/api/")) return file(state, request, response)
  const path = url.pathname.replace("/api/control/", "")
  if (request.method === "PUT" && path === "models/prefs") return setPref(state, request, response)
  const capture = /^activity\/([^/]+)\/capture$/.exec(path)?.[1]
  if (capture !== undefined) return answerCapture(state, capture, { request, response })
  const body = read(state, path, url.searchParams)
  if (body === null)
    return json(response, 404, {
      error: `GET ${path} does not exist`,
      code: "ROUTE_NOT_FOUND",
      origin: "hub",
    })
  return json(response, 200, body)
}

function read(state: StubState, path: string, query: URLSearchParams): unknown {
  if (path === "fleet") return snapshotOf(state)
  if (path === "activity") return activityPage(state, query)
  if (path === "activity/stats") return stats(filtered(state, query))
  if (path === "activity/attribution") return attribution(filtered(state, query))
  if (path === "perf") return perfReply(state, query)
  if (path === "model-events") return modelEvents(state, query)
  return null
}

/** Of every third request none is stored, so that this can be looked at too. */
function answerCapture(
  state: StubState,
  id: string,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): void {
  const index = state.rows.findIndex((one) => one.id === id)
  const row = state.rows[index]
  if (row && (row.swap_entry_id % 3 !== 0 || request.method === "POST"))
    return json(response, 200, { id, capture: captureOf(row) })
  const error = `No capture of ${id} is stored: a POST to the same address fetches it while its engine still has it`
  return json(response, 404, { error, code: "CAPTURE_NOT_STORED", origin: "hub" })
}

function activityPage(state: StubState, query: URLSearchParams): unknown {
  const rows = filtered(state, query)
  const start = Number(query.get("cursor") ?? 0)
  const limit = Number(query.get("limit") ?? 100)
  const next = start + limit < rows.length ? String(start + limit) : null
  return { rows: rows.slice(start, start + limit), next }
}

function filtered(state: StubState, query: URLSearchParams): ActivityRow[] {
  const one = (name: string, value: string | null) => {
    const wanted = query.getAll(name)
    return wanted.length === 0 || wanted.includes(value ?? "")
  }
  const failed = (row: ActivityRow) => row.error !== null || (row.status_code ?? 0) >= 400
  const status = query.getAll("status")
  const text = query.get("q") ?? ""
  return state.rows.filter(
    (row) =>
      one("provider_id", row.provider_id) &&
      one("model", row.model) &&
      one("source", row.source) &&
      (status.length === 0 || status.some((wanted) => (wanted === "error") === failed(row))) &&
      `${row.model} ${row.source ?? ""} ${row.error ?? ""} ${row.id}`.includes(text),
  )
}

function stats(rows: readonly ActivityRow[]): unknown {
  const groups = Map.groupBy(rows, (row) => JSON.stringify([row.provider_id, row.model, row.source]))
  const sum = (all: readonly ActivityRow[], pick: (row: ActivityRow) => number | null) =>
    all.reduce((total, row) => total + (pick(row) ?? 0), 0)
  return {
    from: instantOf(Date.now() - 86_400_000),
    to: instantOf(Date.now()),
    rows: [...groups.values()].map((all) => ({
      provider_id: all[0]?.provider_id,
      model: all[0]?.model,
      source: all[0]?.source ?? null,
      requests: all.length,
      errors: all.filter((row) => row.error !== null).length,
      prompt_tokens: sum(all, (row) => row.prompt_tokens),
      cache_tokens: sum(all, (row) => row.cache_tokens),
      output_tokens: sum(all, (row) => row.output_tokens),
      gen_tps_mean: sum(all, (row) => row.gen_tps) / all.length,
      prompt_tps_mean: sum(all, (row) => row.prompt_tps) / all.length,
      duration_ms_mean: sum(all, (row) => row.duration_ms) / all.length,
    })),
  }
}

function attribution(rows: readonly ActivityRow[]): unknown {
  const ways = [...Map.groupBy(rows, (row) => row.attribution)].map(([way, all]) => ({
    ...{ attribution: way, requests: all.length, share: all.length / rows.length },
    with_source: all.filter(({ source }) => source !== null).length,
  }))
  const unattributed = rows.filter(({ source }) => source === null).length / rows.length
  const [from, to] = [instantOf(Date.now() - 86_400_000), instantOf(Date.now())]
  return { ...{ from, to, requests: rows.length, rows: ways }, unattributed: unattributed || null }
}

async function setPref(state: StubState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  const pref = ModelPref.parse(JSON.parse(Buffer.concat(chunks).toString("utf8")))
  const host = state.hosts.get(HostId.parse(pref.provider_id))
  // One model always fails, so that an error can be looked at.
  if (!host || pref.model === "glm-4.6-air") {
    return json(response, 503, {
      error: "Postgres does not answer: nothing is lost, hosts spool until it is back",
      code: "DATABASE_DOWN",
      origin: "hub",
    })
  }
  const models = host.models.map((model) => ({
    ...model,
    ...(model.id === pref.model
      ? { favorite: pref.favorite ?? model.favorite, hidden: pref.hidden ?? model.hidden }
      : {}),
  }))
  json(response, 200, pref)
  state.change(host.provider_id, { models })
}

async function file(state: StubState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? "/", "http://stub").pathname
  if (path === "/" || extname(path) === "") return page(state, path, response)
  const name = normalize(path).replace(/^[/\\.]+/, "")
  const type = TYPES[extname(name)] ?? "application/octet-stream"
  const brotli = request.headers["accept-encoding"]?.includes("br") && /\.(js|css)$/.test(name)
  try {
    const packed = brotli ? await kept(join(DIST, `${name}.br`)).catch(() => null) : null
    const sent = packed ?? (await kept(join(DIST, name)))
    response
      .writeHead(200, { "content-type": type, ...(packed ? { "content-encoding": "br" } : {}) })
      .end(sent)
  } catch {
    response.writeHead(404).end()
  }
}

type WriteFirstScreen = (given: { page: string; snapshot: unknown; base: string }) => Promise<string>

/** As the hub sends it: the fleet is written into the page, anew for each request. */
async function page(state: StubState, path: string, response: ServerResponse): Promise<void> {
  const html = (await kept(join(DIST, "index.html")))
    .toString("utf8")
    .replace("<head>", '<head><base href="/">')
  const inline = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
    ([, text = ""]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`,
  )
  const sent = path === "/" ? await written(state, html) : html
  const policy = `${POLICY}; script-src 'self' ${inline.join(" ")}`
  response.writeHead(200, { "content-type": TYPES[".html"], "content-security-policy": policy }).end(sent)
}

async function written(state: StubState, html: string): Promise<string> {
  const { writeFirstScreen } = (await import(pathToFileURL(join(DIST, "server/first-screen.js")).href)) as {
    writeFirstScreen: WriteFirstScreen
  }
  return writeFirstScreen({ page: html, snapshot: snapshotOf(state), base: "/" })
}

const files = new Map<string, Promise<Buffer>>()

/** Files are read once, so that what is measured is the browser. */
function kept(path: string): Promise<Buffer> {
  const known = files.get(path) ?? readFile(path)
  files.set(path, known)
  return known
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}
