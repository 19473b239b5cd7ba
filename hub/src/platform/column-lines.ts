import { hash } from "node:crypto"
import type { PendingQuery, Row } from "postgres"
import type { Sql, TransactionSql } from "./postgres.ts"

type Value = string | number | boolean | null

export interface ColumnLines {
  names: readonly string[]
  /** A text per column, a line per row. */
  columns: string[]
  /** What stands between two lines, and what stands for NULL: neither occurs in any value. */
  newline: string
  nothing: string
}

/**
 * Rows as one text per column, for `string_to_array(column, newline, nothing)` within `unnest`: Postgres takes them
 * nearly as fast as COPY, and unlike COPY a statement that reads them can say what to do about rows that are there.
 *
 * After the rows comes a line of NULLs, so that a column is never the empty text, which would be no line at all. It
 * has to be left out by a column that is never NULL.
 */
export function columnLines<C extends string>(
  rows: readonly Readonly<Record<C, Value>>[],
  columns: readonly C[],
): ColumnLines {
  const marks = isPlain(rows, columns) ? PLAIN : marksFor(rows)
  const text = (column: C): string => {
    let lines = ""
    for (const row of rows) lines += `${row[column] ?? marks.nothing}${marks.newline}`
    return lines + marks.nothing
  }
  return { names: columns, columns: columns.map(text), ...marks }
}

/** The lines as `unnest(...) as r(columns)`, a table of texts. `extra`: between the two, and the column it adds. */
export function unnestLines(
  sql: Sql | TransactionSql,
  { names, columns, newline, nothing }: ColumnLines,
  extra: { clause: string; column: string } | null = null,
): PendingQuery<Row[]> {
  const arrays = columns
    .map((column) => sql`string_to_array(${column}, ${newline}, ${nothing})`)
    .reduce((all, array) => sql`${all}, ${array}`)
  const list = [...names, ...(extra ? [extra.column] : [])].join(", ")
  return sql`unnest(${arrays}) ${sql.unsafe(extra?.clause ?? "")} as r(${sql.unsafe(list)})`
}

const PLAIN = { newline: "\n", nothing: "\\N" }

function isPlain<C extends string>(
  rows: readonly Readonly<Record<C, Value>>[],
  columns: readonly C[],
): boolean {
  return columns.every((column) =>
    rows.every((row) => {
      const value = row[column]
      return typeof value !== "string" || (!value.includes(PLAIN.newline) && value !== PLAIN.nothing)
    }),
  )
}

/** Made of all there is: nobody can write a value that holds the hash of itself and everything beside it. */
function marksFor(rows: readonly unknown[]): typeof PLAIN {
  const mark = hash("sha256", JSON.stringify(rows))
  return { newline: `\n${mark}\n`, nothing: mark }
}
