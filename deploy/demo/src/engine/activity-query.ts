import { parseRfc3339 } from "../timestamp.ts"
import type { ActivityRow } from "./activity.ts"

const SORT_KEYS: Record<string, (row: ActivityRow) => number | string> = {
  id: (row) => row.id,
  time: (row) => Date.parse(row.timestamp),
  model: (row) => row.model,
  req_path: (row) => row.req_path,
  resp_status_code: (row) => row.resp_status_code,
  resp_content_type: (row) => row.resp_content_type,
  cached: (row) => row.tokens.cache_tokens,
  prompt: (row) => row.tokens.input_tokens,
  generated: (row) => row.tokens.output_tokens,
  drafted: (row) => row.tokens.draft_tokens,
  prompt_speed: (row) => row.tokens.prompt_per_second,
  gen_speed: (row) => row.tokens.tokens_per_second,
  duration: (row) => row.duration_ms,
}

export interface ActivityPage {
  data: ActivityRow[]
  page: number
  limit: number
  total: number
  total_pages: number
}

type Outcome = { ok: true; page: ActivityPage } | { ok: false; message: string }

/** The list as llama-swap pages it; up to v250 it knows neither bounds on ids and times nor several models. */
export function queryActivity(
  rows: readonly ActivityRow[],
  query: URLSearchParams,
  bounds: boolean,
): Outcome {
  const limit = integer(query, "limit", 25)
  if (limit === null) return refuse("invalid limit")
  if (limit < 1 || limit > 999) return refuse("limit must be between 1 and 999")
  const page = integer(query, "page", 1)
  if (page === null || page < 1) return refuse("page must be >= 1")
  const sortKey = SORT_KEYS[query.get("sort")?.trim() || "id"]
  if (!sortKey) return refuse("invalid sort column")
  const order = (query.get("order")?.trim() || "desc").toLowerCase()
  if (order !== "asc" && order !== "desc") return refuse("order must be asc or desc")

  const kept = bounds ? withinBounds(rows, query) : { ok: true as const, rows: ofModels(rows, query, false) }
  if (!kept.ok) return kept
  const sign = order === "asc" ? 1 : -1
  const sorted = kept.rows.toSorted(
    (left, right) => sign * (compare(sortKey(left), sortKey(right)) || left.id - right.id),
  )
  const data = sorted.slice((page - 1) * limit, page * limit)
  const total = sorted.length
  return { ok: true, page: { data, page, limit, total, total_pages: Math.ceil(total / limit) } }
}

function withinBounds(rows: readonly ActivityRow[], query: URLSearchParams) {
  const times: Record<"start" | "end", number | null> = { start: null, end: null }
  for (const name of ["start", "end"] as const) {
    const text = query.get(name)?.trim()
    if (!text) continue
    times[name] = parseRfc3339(text)
    if (times[name] === null) return refuse(`invalid '${name}' timestamp, use RFC3339 format`)
  }
  const { start, end } = times
  if (start !== null && end !== null && start > end) return refuse("start must be before end")
  const minId = integer(query, "min_id", 0)
  if (minId === null || (query.get("min_id")?.trim() && minId < 1)) return refuse("min_id must be >= 1")
  const maxId = integer(query, "max_id", 0)
  if (maxId === null || (query.get("max_id")?.trim() && maxId < 1)) return refuse("max_id must be >= 1")
  if (minId > 0 && maxId > 0 && minId > maxId) return refuse("min_id must be <= max_id")
  const kept = ofModels(rows, query, true).filter(
    (row) =>
      row.id >= minId &&
      (maxId === 0 || row.id <= maxId) &&
      (start === null || Date.parse(row.timestamp) >= start) &&
      (end === null || Date.parse(row.timestamp) <= end),
  )
  return { ok: true as const, rows: kept }
}

function ofModels(rows: readonly ActivityRow[], query: URLSearchParams, several: boolean) {
  const wanted = query.getAll("model").map((model) => model.trim())
  const models = (several ? wanted : wanted.slice(0, 1)).filter((model) => model !== "")
  return models.length === 0 ? [...rows] : rows.filter((row) => models.includes(row.model))
}

/** The fallback where the parameter is absent, null where it is not an integer. */
function integer(query: URLSearchParams, name: string, fallback: number): number | null {
  const text = query.get(name)?.trim()
  if (!text) return fallback
  return /^[+-]?\d+$/.test(text) ? Number(text) : null
}

function compare(left: number | string, right: number | string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

function refuse(message: string): { ok: false; message: string } {
  return { ok: false, message }
}
