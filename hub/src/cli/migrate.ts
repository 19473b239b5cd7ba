import type { Config } from "../config.ts"
import { systemClock } from "../platform/clock.ts"
import { createLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import { waitForTables } from "../platform/wait-for-tables.ts"

export async function migrateCommand(config: Config): Promise<number> {
  const log = createLog(config.log)
  const sql = connectPostgres(config.databaseUrl, { log, max: 2, answerWithinMs: null })
  try {
    const { waitForTables: tables, waitTimeoutMs: timeoutMs } = config
    await waitForTables(sql, { tables, timeoutMs, clock: systemClock, log })
    const applied = await migrate(sql, { log })
    process.stdout.write(applied.length > 0 ? `${applied.join("\n")}\n` : "nothing to do\n")
    return 0
  } finally {
    await sql.end({ timeout: 5 })
  }
}
