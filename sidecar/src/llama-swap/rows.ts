import type * as z from "zod/mini"
import type { RowPage, RowSource, StoredRow } from "../activity/ports.ts"
import { RowPageReply, RowRing } from "./shapes.ts"

/** Rows per page. Large enough to catch up fast, small enough to stay a small message and a small parse. */
export const PAGE_ROWS = 500
/** How far beyond the expected rows the newest page reaches, for those that arrive meanwhile. */
const SPARE_ROWS = 5

export interface RowAccess {
  /** Asks the engine and parses its answer; rejects when it does not answer as it should. */
  get<T extends z.ZodMiniType>(path: string, schema: T): Promise<z.infer<T>>
  /** Rows that can be read, in the order given; the others are counted and left out. */
  parse(rows: readonly unknown[]): StoredRow[]
}

/** Up to v235: the whole ring each time, oldest first. */
export function ringSource(access: RowAccess): RowSource {
  return {
    async read(from) {
      const rows = byId(access.parse((await access.get("/api/metrics", RowRing)) ?? []))
      return { rows: rows.filter((row) => row.swap_entry_id >= from), more: false, firstId: 0 }
    },
  }
}

/**
 * From v236: pages of a table. Only builds after v250 know `min_id`; the others ignore it and answer with the wrong
 * page, which shows in the ids. They are read from the newest row back, or by page number where more is missing.
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

  async function byPages(from: number, expected: number | null): Promise<RowPage> {
    const limit = Math.min(PAGE_ROWS, Math.max(1, (expected ?? from) - from + SPARE_ROWS))
    const newest = await page(`order=desc&limit=${limit}`)
    const first = newest.rows[0]
    if (!first || first.swap_entry_id <= from || newest.pages <= 1) return pageFrom(newest.rows, from, false)
    return seek(from, newest.total, newest.rows.at(-1)?.swap_entry_id ?? from)
  }

  /** Walks pages upwards from the first that can hold `from`. Pruning moves rows to lower pages, hence the step back. */
  async function seek(from: number, total: number, newestId: number): Promise<RowPage> {
    const before = Math.max(0, total - (newestId - from + 1))
    let number = Math.floor(before / PAGE_ROWS) + 1
    let known: StoredRow | null = null
    let climbed = false
    for (;;) {
      const { rows, pages } = await page(`order=asc&limit=${PAGE_ROWS}&page=${number}`)
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

function pageFrom(rows: readonly StoredRow[], from: number, more: boolean): RowPage {
  return { rows: rows.filter((row) => row.swap_entry_id >= from), more, firstId: 1 }
}

function byId(rows: StoredRow[]): StoredRow[] {
  return rows.sort((a, b) => a.swap_entry_id - b.swap_entry_id)
}
