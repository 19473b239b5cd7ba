import { once } from "node:events"
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { Readable, Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import { stringify } from "csv-stringify"
import { HostId } from "@boocontrol/shared/ids"
import { ModelEventRow } from "@boocontrol/shared/models"
import { PERF_TIERS } from "@boocontrol/shared/telemetry"
import { instantOf, parseRfc3339 } from "@boocontrol/shared/time"
import { exportRequests } from "../activity/store/read.ts"
import { ROW_COLUMNS } from "../activity/store/write.ts"
import type { Config } from "../config.ts"
import { modelEventsStore } from "../fleet/store/model-events.ts"
import { systemClock } from "../platform/clock.ts"
import type { Sql } from "../platform/postgres.ts"
import { exportColumns, exportPerf } from "../telemetry/store/export.ts"
import type { ExportRange } from "../telemetry/store/export.ts"
import { withDatabase } from "./database.ts"

export interface ExportFlags {
  out?: string | undefined
  from?: string | undefined
  to?: string | undefined
  what?: string | undefined
  host?: string | undefined
  format?: string | undefined
}

type Rows = AsyncIterable<readonly object[]>

interface Source {
  columns: readonly string[]
  rows: (sql: Sql, range: ExportRange) => Rows
}

const DAY_MS = 86_400_000

const SOURCES: ReadonlyMap<string, Source> = new Map<string, Source>([
  [
    "activity",
    {
      columns: ROW_COLUMNS,
      rows: (sql, { hosts, ...range }) =>
        exportRequests(sql, { ...range, ...(hosts ? { provider_id: [...hosts] } : {}) }),
    },
  ],
  ["model-events", { columns: Object.keys(ModelEventRow.shape), rows: modelEvents }],
  ...PERF_TIERS.map((tier): [string, Source] => [
    `perf-${tier}`,
    { columns: exportColumns(tier), rows: (sql, range) => exportPerf(sql, tier, range) },
  ]),
])

/** `export`: null where there are arguments that make no sense. */
export async function exportCommand(
  more: readonly string[],
  flags: ExportFlags,
  readConfig: () => Config,
): Promise<number | null> {
  if (more.length > 0) return null
  const wanted = wantedOf(flags)
  if ("problem" in wanted) {
    process.stderr.write(`${wanted.problem}\n`)
    return 2
  }
  const { out, names, format, range } = wanted
  try {
    makeFolder(resolve(out))
  } catch (error) {
    process.stderr.write(
      `--out ${out} cannot be made: ${error instanceof Error ? error.message : String(error)}\n`,
    )
    return 1
  }
  const files = names.map((name) => ({ name, file: join(out, `${name}.${format}`) }))
  const taken = files.find(({ file }) => existsSync(file))
  if (taken) {
    process.stderr.write(`${taken.file} is there already: give another --out\n`)
    return 1
  }
  return withDatabase(readConfig(), async (sql) => {
    for (const { name, file } of files) {
      const source = SOURCES.get(name)
      if (!source) continue
      const count = await writeRows(file, source.rows(sql, range), format === "csv" ? source.columns : null)
      process.stdout.write(`${file}\t${count} rows\n`)
    }
    return 0
  })
}

/** Level by level: asked for all at once, Node tries for ever where the parent is there and the answer is ENOENT, as in /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  const parent = dirname(path)
  if (parent !== path) makeFolder(parent)
  mkdirSync(path)
}

type Wanted =
  { problem: string } | { out: string; names: string[]; format: "csv" | "ndjson"; range: ExportRange }

function wantedOf({ out, from, to, what, host, format = "csv" }: ExportFlags): Wanted {
  if (!out) return { problem: "export needs --out FOLDER" }
  if (format !== "csv" && format !== "ndjson") return { problem: `--format ${format} is not csv or ndjson` }
  const names = what === undefined ? [...SOURCES.keys()] : what.split(",").map((name) => name.trim())
  const unknown = names.find((name) => !SOURCES.has(name))
  if (unknown !== undefined)
    return { problem: `--what ${unknown} is not known: ${[...SOURCES.keys()].join(", ")}` }
  const hosts = host === undefined ? null : host.split(",").map((one) => HostId.safeParse(one.trim()).data)
  if (hosts?.includes(undefined)) return { problem: `--host ${host} is not a list of host ids` }
  const toMs = to === undefined ? systemClock.now() : timeOf(to)
  if (toMs === null) return { problem: `--to ${to} is no time, such as 2026-11-22 or 2026-11-22T08:00:00Z` }
  const fromMs = from === undefined ? toMs - DAY_MS : timeOf(from)
  if (fromMs === null)
    return { problem: `--from ${from} is no time, such as 2026-11-22 or 2026-11-22T08:00:00Z` }
  if (fromMs >= toMs) return { problem: "--from is not before --to" }
  const chosen = hosts?.filter((id) => id !== undefined) ?? null
  return { out, names, format, range: { from: instantOf(fromMs), to: instantOf(toMs), hosts: chosen } }
}

function timeOf(text: string): number | null {
  return parseRfc3339(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text)
}

async function* modelEvents(sql: Sql, { from, to, hosts }: ExportRange): Rows {
  const store = modelEventsStore(sql)
  let cursor: string | null = null
  do {
    const asked = { from, to, limit: 1_000, ...(cursor === null ? {} : { cursor }) }
    const page = await store.page({ ...asked, ...(hosts ? { provider_id: [...hosts] } : {}) })
    yield page.rows
    cursor = page.next
  } while (cursor !== null)
}

/** A file has its name once it is whole. `columns`: as CSV with these; null: one JSON object a line. */
async function writeRows(file: string, pages: Rows, columns: readonly string[] | null): Promise<number> {
  let count = 0
  const rows = Readable.from(
    (async function* () {
      for await (const page of pages) {
        count += page.length
        yield* page
      }
    })(),
  )
  const partial = `${file}.part`
  try {
    const out = createWriteStream(partial, { mode: 0o600 })
    await pipeline(rows, columns === null ? linesOfJson() : csv(columns), out)
    if (!out.closed) await once(out, "close")
    renameSync(partial, file)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
  return count
}

/** Text that a spreadsheet would run as a formula is escaped: names and errors come from strangers. */
function csv(columns: readonly string[]): Transform {
  const cast = { boolean: String, object: (value: object) => JSON.stringify(value) }
  return stringify({ header: true, columns: [...columns], escape_formulas: true, cast })
}

function linesOfJson(): Transform {
  return new Transform({
    writableObjectMode: true,
    transform: (row: unknown, _encoding, done) => done(null, `${JSON.stringify(row)}\n`),
  })
}
