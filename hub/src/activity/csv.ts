import { Readable } from "node:stream"
import { stringify } from "csv-stringify"

/**
 * Rows as CSV with a header. Text that a spreadsheet would run as a formula is escaped: model names, user agents and
 * errors come from strangers.
 */
export function csvOf<Row extends object>(
  pages: AsyncIterable<readonly Row[]>,
  columns: readonly (keyof Row & string)[],
): Readable {
  const csv = stringify({
    header: true,
    columns: [...columns],
    escape_formulas: true,
    cast: { boolean: String },
  })
  const rows = Readable.from(rowsOf(pages))
  // A database that goes away must not look like the end of the list.
  rows.on("error", (error) => csv.destroy(error))
  csv.on("close", () => rows.destroy())
  return rows.pipe(csv)
}

async function* rowsOf<Row>(pages: AsyncIterable<readonly Row[]>): AsyncGenerator<Row> {
  for await (const page of pages) yield* page
}
