import { locationOf, filtersOf } from "./filters.ts"
import type { Filters } from "./filters.ts"

export interface SavedFilter {
  readonly name: string
  /** As the page's address holds them, so that an old one is read as carefully as a foreign address. */
  readonly query: Readonly<Record<string, string | readonly string[]>>
}

const MOST = 30
const LONGEST = 60

/** What a browser kept; anything that is not a saved filter is left out. */
export function parseSaved(text: string | null): SavedFilter[] {
  let stored: unknown
  try {
    stored = JSON.parse(text ?? "[]")
  } catch {
    return []
  }
  return Array.isArray(stored) ? stored.filter(isSaved).slice(0, MOST) : []
}

/** One more, or another meaning of a name that was there, and the newest first. */
export function withSaved(list: readonly SavedFilter[], name: string, filters: Filters): SavedFilter[] {
  const given = name.trim().slice(0, LONGEST)
  if (given === "") return [...list]
  const query = locationOf(filters) as SavedFilter["query"]
  return [{ name: given, query }, ...withoutSaved(list, given)].slice(0, MOST)
}

export function withoutSaved(list: readonly SavedFilter[], name: string): SavedFilter[] {
  return list.filter((one) => one.name !== name)
}

export function savedFilters(saved: SavedFilter): Filters {
  return filtersOf(
    Object.fromEntries(Object.entries(saved.query).map(([key, value]) => [key, valueOf(value)])),
  )
}

function valueOf(value: string | readonly string[]): string | string[] {
  return typeof value === "string" ? value : [...value]
}

function isSaved(value: unknown): value is SavedFilter {
  if (typeof value !== "object" || value === null || !("name" in value) || !("query" in value)) return false
  const { name, query } = value
  if (typeof name !== "string" || typeof query !== "object" || query === null) return false
  return Object.values(query).every(
    (one) => typeof one === "string" || (Array.isArray(one) && one.every((part) => typeof part === "string")),
  )
}
