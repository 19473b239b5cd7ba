import { mkdtempSync } from "node:fs"
import { join } from "node:path"
import { afterAll, expect, inject, it } from "vitest"
import { silentLog } from "../../../hub/src/platform/log.ts"
import { migrate } from "../../../hub/src/platform/migrate.ts"
import { connectPostgres } from "../../../hub/src/platform/postgres.ts"
import type { Sql } from "../../../hub/src/platform/postgres.ts"
import { testDatabase } from "../../test/services/postgres.ts"
import { judge } from "./judge.ts"
import { runTrial } from "./trial.ts"

let sql: Sql | null = null
afterAll(async () => sql?.end({ timeout: 1 }))

// The thousand attempts of `pnpm perf:leases`, made small.
it("gives a host to one holder at a time, in fair order, while processes are killed and stopped", async () => {
  const { url } = await testDatabase("lease_trial")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  const folder = mkdtempSync(join(inject("testFolder"), "leases-"))
  const { attempts, held } = await runTrial({
    ...{ sql, folder, database: url, nats: inject("natsUrl"), hosts: 3, workers: 4, attempts: 80 },
    ...{ kill: 1, stop: 1, stopMs: 3_000 },
  })
  expect(judge(attempts, held)).toEqual({ overlaps: [], stale: [], tokens: [], unfair: [] })
  // Those of the process that was killed are not all given, those of the others are.
  const granted = attempts.filter((attempt) => attempt.granted !== null && attempt.worker >= 2)
  expect(granted).toHaveLength(40)
}, 120_000)
