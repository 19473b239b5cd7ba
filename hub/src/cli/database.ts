import type { Config } from "../config.ts"
import { createLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"

/** Runs a command on a database that is up to date. */
export async function withDatabase(config: Config, act: (sql: Sql) => Promise<number>): Promise<number> {
  const log = createLog({ ...config.log, level: "warn" })
  const sql = connectPostgres(config.databaseUrl, { log, max: 2 })
  try {
    await migrate(sql, { log })
    return await act(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
