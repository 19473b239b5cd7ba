import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Log } from "./log.ts"
import type { Sql, TransactionSql } from "./postgres.ts"

export interface Migration {
  /** File name without `.sql`, e.g. `0002_activity`. */
  name: string
  text: string
  checksum: string
}

export const MIGRATIONS_FOLDER = join(import.meta.dirname, "../../migrations")

// Any number will do as long as no other program on a shared database takes the same.
const LOCK_KEY = 7_305_802_201

/** Brings the tables up to date and returns the names of what it applied. Several hubs may do so at once. */
export async function migrate(
  sql: Sql,
  { log, folder = MIGRATIONS_FOLDER }: { log: Log; folder?: string },
): Promise<string[]> {
  const migrations = readMigrations(folder)
  const applied: string[] = []
  for (const migration of migrations) {
    // One transaction each, with the lock taken anew: what another hub applied meanwhile is seen and left.
    const done = await sql.begin((tx) => applyOne(tx, migration, migrations))
    if (!done) continue
    applied.push(migration.name)
    log.info({ migration: migration.name }, "migration applied")
  }
  return applied
}

async function applyOne(
  tx: TransactionSql,
  migration: Migration,
  all: readonly Migration[],
): Promise<boolean> {
  await tx`select pg_advisory_xact_lock(${LOCK_KEY})`
  await tx`
    create table if not exists control_schema_migrations (
      name text primary key,
      checksum text not null,
      applied_at timestamptz not null default clock_timestamp()
    )`
  const rows = await tx<{ name: string; checksum: string }[]>`
    select name, checksum from control_schema_migrations order by name`
  const problem = problemOf(all, rows)
  if (problem !== null) throw new Error(problem)
  if (rows.some((row) => row.name === migration.name)) return false
  await tx.unsafe(migration.text)
  await tx`insert into control_schema_migrations (name, checksum) values (${migration.name}, ${migration.checksum})`
  return true
}

/** Why these files must not be applied to a database in this state; null: they may. */
export function problemOf(
  files: readonly Pick<Migration, "name" | "checksum">[],
  applied: readonly { name: string; checksum: string }[],
): string | null {
  for (const row of applied) {
    const file = files.find((candidate) => candidate.name === row.name)
    if (!file) {
      return `The database was migrated by a newer hub (${row.name} is not known here): start that version, or restore a backup.`
    }
    if (file.checksum !== row.checksum) {
      return `Migration ${row.name} was applied with another content than it has now: a migration that was applied never changes.`
    }
  }
  const newest = applied.at(-1)?.name
  const late = files.find(
    (file) => newest !== undefined && file.name < newest && !applied.some((row) => row.name === file.name),
  )
  return late
    ? `Migration ${late.name} stands before ${newest}, which is applied already: give it a higher number.`
    : null
}

/** The files `0001_name.sql` of a folder, in order. */
export function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder)
    .filter((file) => /^\d{4}_[a-z0-9_]+\.sql$/.test(file))
    .sort()
  return names.map((file) => {
    // A checkout with other line ends is the same migration.
    const text = readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n")
    return { name: file.slice(0, -4), text, checksum: createHash("sha256").update(text).digest("hex") }
  })
}
