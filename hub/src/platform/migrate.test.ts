import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { silentLog } from "./log.ts"
import { migrate, problemOf, readMigrations } from "./migrate.ts"
import { connectPostgres } from "./postgres.ts"
import type { Sql } from "./postgres.ts"

const log = silentLog

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "migrations-"))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

async function emptyDatabase(): Promise<Sql> {
  const { url } = await testDatabase("migrate")
  const sql = connectPostgres(url, { log })
  onTestFinished(() => sql.end())
  return sql
}

it("applies the hub's own migrations to an empty database, once", async () => {
  const sql = await emptyDatabase()
  const names = readMigrations(join(import.meta.dirname, "../../migrations")).map(
    (migration) => migration.name,
  )
  expect(await migrate(sql, { log })).toEqual(names)
  expect(await migrate(sql, { log })).toEqual([])
  const [tables] =
    await sql`select to_regclass('control_requests') as requests, to_regclass('control_perf_samples') as samples`
  expect(tables).toEqual({ requests: "control_requests", samples: "control_perf_samples" })
})

it("lets several hubs start at once", async () => {
  const sql = await emptyDatabase()
  const folder = folderOf({ "0001_a.sql": "create table a (n int)", "0002_b.sql": "create table b (n int)" })
  const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(sql, { log, folder })))
  expect(applied.flat().sort()).toEqual(["0001_a", "0002_b"])
})

it("leaves nothing of a migration that fails, and keeps those before it", async () => {
  const sql = await emptyDatabase()
  const folder = folderOf({
    "0001_a.sql": "create table a (n int)",
    "0002_b.sql": "create table b (n int); select 1 / 0",
  })
  await expect(migrate(sql, { log, folder })).rejects.toThrow("division by zero")
  const [row] = await sql`select to_regclass('a') is not null as a, to_regclass('b') is not null as b`
  expect(row).toEqual({ a: true, b: false })
  expect((await sql`select name from control_schema_migrations`).map((one) => one["name"])).toEqual([
    "0001_a",
  ])
})

it("refuses a database that a newer hub has migrated", async () => {
  const sql = await emptyDatabase()
  const folder = folderOf({ "0001_a.sql": "create table a (n int)", "0002_b.sql": "create table b (n int)" })
  await migrate(sql, { log, folder })
  rmSync(join(folder, "0002_b.sql"))
  await expect(migrate(sql, { log, folder })).rejects.toThrow(/newer hub \(0002_b/)
})

it("is the same migration with other line ends", () => {
  const [unix] = readMigrations(folderOf({ "0001_a.sql": "select 1;\nselect 2;\n" }))
  const [windows] = readMigrations(folderOf({ "0001_a.sql": "select 1;\r\nselect 2;\r\n" }))
  expect(windows?.checksum).toBe(unix?.checksum)
})

const A = { name: "0001_a", checksum: "a" }
const B = { name: "0002_b", checksum: "b" }
it.each([
  ["nothing applied yet", [A, B], [], /^fine$/],
  ["all applied", [A, B], [A, B], /^fine$/],
  ["one to go", [A, B], [A], /^fine$/],
  ["a changed one", [{ ...A, checksum: "x" }], [A], /0001_a was applied with another content/],
  ["an unknown one", [A], [A, B], /newer hub \(0002_b/],
  ["one added before an applied one", [A, B], [B], /0001_a stands before 0002_b/],
])("judges %s", (_what, files, applied, problem) => {
  expect(problemOf(files, applied) ?? "fine").toMatch(problem)
})
