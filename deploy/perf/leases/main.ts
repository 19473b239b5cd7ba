// pnpm perf:leases: a thousand concurrent attempts on the leases of ten hosts by several processes, of which some are
// killed and some stopped for longer than a lease lives; then every order that leases forbid is looked for.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { silentLog } from "../../../hub/src/platform/log.ts"
import { migrate } from "../../../hub/src/platform/migrate.ts"
import { connectPostgres } from "../../../hub/src/platform/postgres.ts"
import { startGuard } from "../../local/src/processes/guard.ts"
import { openLogFile } from "../../local/src/processes/log-file.ts"
import { findNatsServer } from "../../local/src/services/nats-binary.ts"
import { startNatsServer } from "../../local/src/services/nats-server.ts"
import { startPostgres } from "../../local/src/services/postgres.ts"
import { toolFolder } from "../../local/src/tool-folder.ts"
import { conditions } from "../figures.ts"
import { judge } from "./judge.ts"
import { runTrial } from "./trial.ts"

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "8" },
    attempts: { type: "string", default: "1000" },
    kill: { type: "string", default: "2" },
    stop: { type: "string", default: "2" },
    "stop-ms": { type: "string", default: "5000" },
  },
})
const folder = mkdtempSync(join(tmpdir(), "boocontrol-leases-"))
const guard = startGuard()
const database = await startPostgres({ dataDir: folder, guard, throwaway: true })
const nats = await startNatsServer({
  binary: await findNatsServer({ dataDir: toolFolder(), onProgress: console.error }),
  ...{ guard, auth: null, host: "127.0.0.1", port: -1, configFile: join(folder, "nats.conf") },
  storeDir: join(folder, "jetstream"),
  log: openLogFile(join(folder, "logs", "nats-server.log")),
})
if (nats === null) throw new Error("nats-server found no free port")
const sql = connectPostgres(database.url, { log: silentLog })
await migrate(sql, { log: silentLog })
console.log(`${await conditions()}; ${values.workers} processes, ${values.attempts} attempts, 10 hosts`)

const began = performance.now()
const { attempts, held, refused, ends } = await runTrial({
  ...{ sql, folder, database: database.url, nats: `nats://127.0.0.1:${nats.port}`, hosts: 10 },
  ...{ workers: Number(values.workers), attempts: Number(values.attempts) },
  ...{ kill: Number(values.kill), stop: Number(values.stop), stopMs: Number(values["stop-ms"]) },
})
const seconds = ((performance.now() - began) / 1000).toFixed(1)
const granted = attempts.filter((attempt) => attempt.granted !== null).length
console.log(`${attempts.length} asked, ${granted} granted, ${refused} refused, in ${seconds} s`)
console.log(`leases ended as ${[...ends].map(([how, count]) => `${how} ${count}`).join(", ")}`)
const verdict = judge(attempts, held)
for (const [name, found] of Object.entries<readonly string[]>({ ...verdict })) {
  console.log(`${name.padEnd(10)} ${found.length}`)
  for (const line of found.slice(0, 5)) console.log(`  ${line}`)
}
await sql.end({ timeout: 2 })
await nats.child.stop()
await database.child.stop()
await guard.close()
rmSync(folder, { recursive: true, force: true })
process.exitCode = Object.values(verdict).some((found) => found.length > 0) ? 1 : 0
