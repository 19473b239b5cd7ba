import type { ActivityRow } from "@boocontrol/shared/activity"
import type { ActivityFrame } from "@boocontrol/shared/frames"
import { defineStore } from "pinia"
import { shallowRef } from "vue"
import { useApi } from "../platform/api.ts"
import { NO_FILTERS, apiQueryOf, matches } from "./filters.ts"
import type { Filters } from "./filters.ts"
import { mergeRows, splitKnown } from "./rows.ts"

// Five minutes of a busy fleet: what the side panel and the rates are made of.
const RECENT_ROWS = 1500
// A list that was scrolled back for hours is still light; beyond it the oldest rows leave again.
const LIST_ROWS = 20_000
const PAGE_ROWS = 200
const RECENT_PAGE_ROWS = 250

const rowPage = async () => (await import("../platform/schemas.ts")).ActivityRowPage

/** One list of rows as a page shows it: what it is narrowed to, what it holds, what waits above it. */
export interface RowList {
  readonly filters: Filters
  readonly rows: readonly ActivityRow[]
  /** Rows that came while the list was held still. */
  readonly above: readonly ActivityRow[]
  readonly held: boolean
  /** Cursor of the next older page; null at the end of history. */
  readonly next: string | null
  readonly phase: "loading" | "older" | "ready" | "failed"
  readonly error: unknown
}

const EMPTY_LIST: RowList = {
  filters: NO_FILTERS,
  rows: [],
  above: [],
  held: false,
  next: null,
  phase: "loading",
  error: null,
}

export const useActivity = defineStore("activity", () => {
  const api = useApi()
  const recent = shallowRef<readonly ActivityRow[]>([])
  const list = shallowRef<RowList>(EMPTY_LIST)
  const recentLoaded = shallowRef(false)
  let generation = 0

  function apply(frame: ActivityFrame): void {
    recent.value = mergeRows(recent.value, frame.rows, RECENT_ROWS)
    addToList(frame.rows)
  }

  function addToList(incoming: readonly ActivityRow[]): void {
    const { known, fresh } = splitKnown(list.value.rows, incoming)
    const wanted = fresh.filter((row) => matches(row, list.value.filters))
    if (known.length === 0 && wanted.length === 0) return
    const { held, rows, above } = list.value
    list.value = {
      ...list.value,
      rows: mergeRows(rows, held ? known : [...known, ...wanted], LIST_ROWS),
      above: held ? mergeRows(above, wanted, LIST_ROWS) : above,
    }
  }

  /** While somebody reads, new rows wait above instead of moving what they read. */
  function hold(held: boolean): void {
    if (held === list.value.held) return
    const { rows, above } = list.value
    list.value = held
      ? { ...list.value, held }
      : { ...list.value, held, rows: mergeRows(rows, above, LIST_ROWS), above: [] }
  }

  /** The newest page, also after a lost connection: it closes the hole that is now between screen and hub. */
  async function loadRecent(): Promise<void> {
    const page = await api.get("activity", rowPage, { query: { limit: RECENT_PAGE_ROWS } })
    const joins = page.next === null || splitKnown(recent.value, page.rows).known.length > 0
    recent.value = mergeRows(joins ? recent.value : [], page.rows, RECENT_ROWS)
    recentLoaded.value = true
    if (joins || list.value.rows.length === 0) addToList(page.rows)
    else await open(list.value.filters)
  }

  async function open(filters: Filters): Promise<void> {
    const mine = ++generation
    list.value = { ...EMPTY_LIST, filters }
    await load(mine, null)
  }

  async function loadOlder(): Promise<void> {
    if (list.value.phase !== "ready" || list.value.next === null) return
    list.value = { ...list.value, phase: "older" }
    await load(generation, list.value.next)
  }

  /** An answer to filters that were changed since is dropped. */
  async function load(mine: number, cursor: string | null): Promise<void> {
    const query = { ...apiQueryOf(list.value.filters), limit: PAGE_ROWS, cursor }
    try {
      const page = await api.get("activity", rowPage, { query })
      if (mine !== generation) return
      const rows = mergeRows(list.value.rows, page.rows, LIST_ROWS)
      list.value = { ...list.value, rows, next: page.next, phase: "ready", error: null }
    } catch (error) {
      if (mine === generation) list.value = { ...list.value, phase: "failed", error }
    }
  }

  function retry(): Promise<void> {
    list.value = { ...list.value, phase: list.value.rows.length > 0 ? "older" : "loading", error: null }
    return load(generation, list.value.next)
  }

  return { recent, recentLoaded, list, apply, hold, loadRecent, open, loadOlder, retry }
})
