import type * as z from "zod/mini"
import type { RowPage, RowSource, StoredRow } from "../activity/ports.ts"
import { RowPageReply, RowRing } from "./shapes.ts"

/** Rows per page. Large enough to catch up fast, small enough to stay a small message and a small parse. */
export const PAGE_ROWS = 500
/** The engine refuses to give more at once. */
const MAX_LIMIT = 999
/** How far beyond the expected rows the newest page reaches, for those that arrive meanwhile. */
const SPARE_ROWS = 5
/** How far before the known row a searched page begins, for those that are pruned meanwhile. */
const SPARE_BEFORE = 20

export interface RowAccess {
  /** Asks the engine and parses its answer; rejects when it does not answer as it should. */
  get<T extends z.ZodMiniType>(path: string, schema: T): Promise<z.infer<T>>
  /** Rows that can be read, in the order given; the others are counted and left out. */
  parse(rows: readonly unknown[]): StoredRow[]
}

/**
 * Up to v235 a reload begins a new ring, and what is in flight then has 30 s to end: in the old one. The rest is for
 * the killing of what did not end. Shorter leaves rows without a record, longer claims more than can be missing.
 */
const RELOAD_GRACE_MS = 32_000

/** Up to v235: the whole ring each time, oldest first. */
export function ringSource(access: RowAccess): RowSource {
  return {
    async read(from) {
      const rows = byId(access.parse((await access.get("/api/metrics", RowRing)) ?? []))
      const wanted = rows.filter((row) => row.swap_entry_id >= from)
      return { rows: wanted, more: false, firstId: 0, lateMs: RELOAD_GRACE_MS }
    },
  }
}

/**
 * From v236: pages of a table. Only builds after v250 know `min_id`; the others ignore it and answer with the wrong
 * page, which shows in the ids.
 * Those are read from the newest row back, or by page number where more is missing than one answer holds.
 */
export function tableSource(access: RowAccess): RowSource {
  let knowsMinId = true

  const page = async (query: string): Promise<{ rows: StoredRow[]; total: number; pages: number }> => {
    const reply = await access.get(`/api/metrics/activity?sort=id&${query}`, RowPageReply)
    return {
      rows: byId(access.parse(reply.data ?? [])),
      total: reply.total ?? 0,
      pages: reply.total_pages ?? 1,
    }
  }

  async function byMinId(from: number): Promise<RowPage | null> {
    const { rows, pages } = await page(`order=asc&min_id=${Math.max(1, from)}&limit=${PAGE_ROWS}`)
    if (rows.some((row) => row.swap_entry_id < from)) return null
    return { rows, more: pages > 1, firstId: 1 }
  }

  /** Newest first: nothing that arrives or is pruned meanwhile can make a row slip between two answers. */
  async function byPages(from: number, expected: number | null): Promise<RowPage> {
    const newest = await fromEnd((expected ?? from) - from)
    if (newest.complete(from)) return newest.page(from)
    const missing = newest.newestId - from
    if (missing + SPARE_ROWS > MAX_LIMIT) return seek(from, newest.total, newest.newestId)
    const all = await fromEnd(missing)
    return all.complete(from) ? all.page(from) : seek(from, all.total, all.newestId)
  }

  async function fromEnd(missing: number) {
    const limit = Math.min(MAX_LIMIT, Math.max(0, missing) + SPARE_ROWS)
    const { rows, total, pages } = await page(`order=desc&limit=${limit}`)
    const oldest = rows[0]
    return {
      total,
      newestId: rows.at(-1)?.swap_entry_id ?? 0,
      complete: (from: number) => !oldest || oldest.swap_entry_id <= from || pages <= 1,
      page: (from: number): RowPage => pageFrom(rows, from),
    }
  }

  /** Walks pages upwards from the first that can hold `from`. Pruning moves rows to lower pages, hence the step back. */
  async function seek(from: number, total: number, newestId: number): Promise<RowPage> {
    const before = Math.max(0, total - (newestId - from + 1) - SPARE_BEFORE)
    const limit = limitFor(before)
    let number = Math.floor(before / limit) + 1
    let known: StoredRow | null = null
    let climbed = false
    for (;;) {
      const { rows, pages } = await page(`order=asc&limit=${limit}&page=${number}`)
      const first = rows[0]
      if (!climbed && number > 1 && (!first || first.swap_entry_id > from)) {
        number -= 1
        continue
      }
      known = rows.find((row) => row.swap_entry_id === from) ?? known
      const newer = rows.filter((row) => row.swap_entry_id > from)
      if (newer.length > 0 || number >= pages)
        return { rows: known ? [known, ...newer] : newer, more: number < pages, firstId: 1 }
      climbed = true
      number += 1
    }
  }

  return {
    async read(from, expected) {
      if (knowsMinId) {
        const found = await byMinId(from)
        if (found) return found
        knowsMinId = false
      }
      return byPages(from, expected)
    },
  }
}

function pageFrom(rows: readonly StoredRow[], from: number): RowPage {
  return { rows: rows.filter((row) => row.swap_entry_id >= from), more: false, firstId: 1 }
}

/** The page size whose page around row number `before` holds the most rows after it. */
function limitFor(before: number): number {
  const after = (limit: number) => limit - (before % limit)
  let best = MAX_LIMIT
  for (let limit = 1; limit <= MAX_LIMIT; limit++) if (after(limit) > after(best)) best = limit
  return best
}

function byId(rows: StoredRow[]): StoredRow[] {
  return rows.sort((a, b) => a.swap_entry_id - b.swap_entry_id)
}
