import { randomBytes } from "node:crypto"
import postgres from "postgres"
import type { Sql } from "postgres"
import { afterAll, inject } from "vitest"

export interface TestDatabase {
  url: string
  name: string
  sql: Sql
  /** Ends `sql` and removes the database; called by itself after the tests of the file. */
  drop(): Promise<void>
}

/** A database of one's own, empty, for one test file or one test. */
export async function testDatabase(label: string): Promise<TestDatabase> {
  const name = `${label
    .replaceAll(/[^a-z0-9]+/gi, "_")
    .toLowerCase()
    .slice(0, 40)}_${randomBytes(4).toString("hex")}`
  await onServer(`create database "${name}" template template0`)
  const url = new URL(inject("databaseUrl"))
  url.pathname = `/${name}`
  const sql = postgres(url.href, { max: 4, onnotice: () => undefined })
  let dropped = false
  const drop = async (): Promise<void> => {
    if (dropped) return
    dropped = true
    await sql.end({ timeout: 5 })
    await onServer(`drop database "${name}" with (force)`)
  }
  afterAll(drop)
  return { url: url.href, name, sql, drop }
}

async function onServer(statement: string): Promise<void> {
  const admin = postgres(inject("databaseUrl"), { max: 1 })
  try {
    await admin.unsafe(statement)
  } finally {
    await admin.end()
  }
}
