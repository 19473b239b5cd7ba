import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { RowPage } from "../activity/ports.ts"
import { storedRowOf } from "./normalise.ts"
import { PAGE_ROWS, ringSource, tableSource } from "./rows.ts"
import type { RowAccess } from "./rows.ts"
import { Row } from "./shapes.ts"

interface Table {
  ids: number[]
  knowsMinId: boolean
  asked: string[]
  /** Called before each answer: the table changes while it is read. */
  beforeAnswer?: () => void
}

function access(table: Table): RowAccess {
  return {
    get(path, schema) {
      table.beforeAnswer?.()
      table.asked.push(path)
      const url = new URL(path, "http://engine")
      const all = table.ids.map((id) => ({ id, timestamp: "2026-01-01T00:00:00Z", model: "m" }))
      if (url.pathname === "/api/metrics") return Promise.resolve(schema.parse(all))
      const minId = table.knowsMinId ? Number(url.searchParams.get("min_id") ?? 0) : 0
      const limit = Number(url.searchParams.get("limit"))
      const page = Number(url.searchParams.get("page") ?? 1)
      const rows = all.filter(({ id }) => id >= minId)
      if (url.searchParams.get("order") === "desc") rows.reverse()
      const reply = {
        data: rows.slice((page - 1) * limit, page * limit),
        total: rows.length,
        total_pages: Math.max(1, Math.ceil(rows.length / limit)),
      }
      return Promise.resolve(schema.parse(reply))
    },
    parse: (rows) => rows.flatMap((row) => storedRowOf(Row.parse(row), null) ?? []),
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
const ids = (page: RowPage) => page.rows.map(({ swap_entry_id: id }) => id)
const table = (changes: Partial<Table>): Table => ({ ids: [], knowsMinId: false, asked: [], ...changes })

async function readAll(source: ReturnType<typeof tableSource>, from: number): Promise<number[]> {
  const found: number[] = []
  let last = from
  for (let round = 0; round < 100; round++) {
    const page = await source.read(last, null)
    found.push(...ids(page).filter((id) => id > last || found.length === 0))
    last = found.at(-1) ?? last
    if (!page.more) return [...new Set(found)]
  }
  throw new Error("it never ends")
}

describe("reading rows of a table", () => {
  it.each([true, false])(
    "gives the last known row and those after it (min_id known: %s)",
    async (knowsMinId) => {
      const source = tableSource(access(table({ ids: range(1, 40), knowsMinId })))
      expect(ids(await source.read(37, 40))).toEqual([37, 38, 39, 40])
      expect(ids(await source.read(40, null))).toEqual([40])
    },
  )

  it("notices that min_id is ignored, and asks for few rows from then on", async () => {
    const state = table({ ids: range(1, 900) })
    const source = tableSource(access(state))
    await source.read(899, 900)
    state.asked.length = 0
    expect(ids(await source.read(899, 900))).toEqual([899, 900])
    expect(state.asked).toEqual(["/api/metrics/activity?sort=id&order=desc&limit=6"])
  })

  it("shows an empty page when ids have begun again below the known one", async () => {
    const source = tableSource(access(table({ ids: range(1, 5) })))
    expect(await source.read(700, null)).toMatchObject({ rows: [], more: false })
  })

  it("keeps the known row in sight when it is the last of its page", async () => {
    const source = tableSource(access(table({ ids: range(1, 5 * PAGE_ROWS) })))
    const page = await source.read(PAGE_ROWS, null)
    expect(ids(page).slice(0, 2)).toEqual([PAGE_ROWS, PAGE_ROWS + 1])
    expect(page.more).toBe(true)
  })

  it.each([
    [1_000, 100, 1],
    [3_000, 100, 1],
    [3_000, 2_900, 1],
    [3_000, 1_500, 40],
  ])(
    "misses nothing that survives of %i rows, from %i on, while %i are pruned per answer",
    async (cap, from, rate) => {
      const state = table({ ids: range(1, cap) })
      let answers = 0
      state.beforeAnswer = () => {
        if (answers++ > 12) return
        for (let count = 0; count < rate; count++) state.ids.push((state.ids.shift() ?? 0) + cap)
      }
      const found = await readAll(tableSource(access(state)), from)
      const survivors = state.ids.filter((id) => id > from && id <= (found.at(-1) ?? 0))
      expect(found.at(-1)).toBeGreaterThanOrEqual(cap)
      expect(survivors.filter((id) => !found.includes(id))).toEqual([])
    },
  )

  it("finds every row from any id on, whatever ids are missing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 2_500 }), { maxLength: 1_700 }),
        fc.nat(2_600),
        fc.boolean(),
        async (some, from, knowsMinId) => {
          const all = some.sort((a, b) => a - b)
          const found = await readAll(tableSource(access(table({ ids: all, knowsMinId }))), from)
          expect(found).toEqual(all.filter((id) => id >= from))
        },
      ),
      { numRuns: 60 },
    )
  })
})

it("reads the ring of an old engine from id 0 on", async () => {
  const source = ringSource(access(table({ ids: range(0, 4) })))
  expect(await source.read(0, null)).toMatchObject({ more: false, firstId: 0 })
  expect(ids(await source.read(3, null))).toEqual([3, 4])
})
