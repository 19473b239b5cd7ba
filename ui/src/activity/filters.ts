import type { ActivityRow } from "@boocontrol/shared/activity"
import type { LocationQuery, LocationQueryRaw } from "vue-router"

/** What the list is narrowed to. Kept in the page's address, so that a view can be sent to somebody. */
export interface Filters {
  readonly hosts: readonly string[]
  readonly models: readonly string[]
  readonly sources: readonly string[]
  /** `ok`, `error` or a status code. */
  readonly statuses: readonly string[]
  readonly text: string
}

export const NO_FILTERS: Filters = { hosts: [], models: [], sources: [], statuses: [], text: "" }

const STATUS = /^(ok|error|[1-5]\d\d)$/
const HOST = /^[a-z0-9-]{1,40}$/

export function filtersOf(query: LocationQuery): Filters {
  return {
    hosts: listOf(query["host"]).filter((host) => HOST.test(host)),
    models: listOf(query["model"]),
    sources: listOf(query["source"]),
    statuses: listOf(query["status"]).filter((status) => STATUS.test(status)),
    text: (listOf(query["q"])[0] ?? "").slice(0, 200),
  }
}

export function locationOf(filters: Filters): LocationQueryRaw {
  return {
    ...(filters.hosts.length > 0 ? { host: [...filters.hosts] } : {}),
    ...(filters.models.length > 0 ? { model: [...filters.models] } : {}),
    ...(filters.sources.length > 0 ? { source: [...filters.sources] } : {}),
    ...(filters.statuses.length > 0 ? { status: [...filters.statuses] } : {}),
    ...(filters.text === "" ? {} : { q: filters.text }),
  }
}

/** The same filters as the hub's query. */
export function apiQueryOf(filters: Filters): Record<string, readonly string[] | string> {
  return {
    provider_id: filters.hosts,
    model: filters.models,
    source: filters.sources,
    status: filters.statuses,
    q: filters.text,
  }
}

export function isFiltered(filters: Filters): boolean {
  return [filters.hosts, filters.models, filters.sources, filters.statuses, filters.text].some(
    (one) => one.length > 0,
  )
}

export function isError(row: Pick<ActivityRow, "status_code" | "error">): boolean {
  return row.error !== null || (row.status_code !== null && row.status_code >= 400)
}

/** Whether a live row belongs into a list with these filters. Must agree with the hub's query. */
export function matches(row: ActivityRow, filters: Filters): boolean {
  return (
    holds(filters.hosts, row.provider_id) &&
    holds(filters.models, row.model) &&
    holds(filters.sources, row.source ?? "") &&
    (filters.statuses.length === 0 || filters.statuses.some((status) => hasStatus(row, status))) &&
    (filters.text === "" || hasText(row, filters.text.toLowerCase()))
  )
}

function holds(wanted: readonly string[], value: string): boolean {
  return wanted.length === 0 || wanted.includes(value)
}

function hasStatus(row: ActivityRow, status: string): boolean {
  if (status === "ok") return !isError(row)
  return status === "error" ? isError(row) : String(row.status_code) === status
}

function hasText(row: ActivityRow, text: string): boolean {
  const fields = [row.model, row.source, row.req_path, row.error, row.request_id, row.session_id, row.id]
  return fields.some((field) => field !== null && field.toLowerCase().includes(text))
}

function listOf(value: LocationQuery[string] | undefined): string[] {
  const values = Array.isArray(value) ? value : [value]
  return values.filter((one): one is string => typeof one === "string" && one !== "").slice(0, 100)
}
