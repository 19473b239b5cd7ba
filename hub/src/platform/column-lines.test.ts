import fc from "fast-check"
import { afterAll, beforeAll, expect, it } from "vitest"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { columnLines } from "./column-lines.ts"
import { silentLog } from "./log.ts"
import { connectPostgres } from "./postgres.ts"
import type { Sql } from "./postgres.ts"

let sql: Sql
beforeAll(async () => {
  const { url } = await testDatabase("column_lines")
  sql = connectPostgres(url, { log: silentLog, max: 1 })
})
afterAll(() => sql.end())

interface Line {
  n: number
  text: string | null
  more: string | null
}

async function readBack(rows: readonly Line[]): Promise<Line[]> {
  const { columns, newline, nothing } = columnLines(rows, ["n", "text", "more"])
  const array = (index: number) => sql`string_to_array(${columns[index] ?? ""}, ${newline}, ${nothing})`
  return [
    ...(await sql<Line[]>`
      select n::integer, text, more from unnest(${array(0)}, ${array(1)}, ${array(2)}) as r(n, text, more)
      where n is not null`),
  ]
}

const text = fc.oneof(
  fc.constantFrom(null, "", "\n", "\\N", "\\n", "a\nb", "NULL", "\t", "{}", '"', "é\u2028"),
  fc.string({ unit: fc.constantFrom("\n", "\\", "N", "a", "é", " ", "😀") }),
)

it("gives Postgres every value as it is, whatever stands in it", async () => {
  const lines = fc.array(fc.record({ text, more: text }), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(lines, async (given) => {
      const rows = given.map((line, n) => ({ n, ...line }))
      expect(await readBack(rows)).toEqual(rows)
    }),
    { numRuns: 150 },
  )
})

it("knows one row of an empty text from no row", async () => {
  expect(await readBack([{ n: 1, text: "", more: "" }])).toEqual([{ n: 1, text: "", more: "" }])
  expect(await readBack([])).toEqual([])
})
