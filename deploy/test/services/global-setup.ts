import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import { startGuard } from "../../local/src/processes/guard.ts"
import { openLogFile } from "../../local/src/processes/log-file.ts"
import { findNatsServer } from "../../local/src/services/nats-binary.ts"
import { startNatsServer } from "../../local/src/services/nats-server.ts"
import type { NatsServer } from "../../local/src/services/nats-server.ts"
import { startPostgres } from "../../local/src/services/postgres.ts"
import { toolFolder } from "../../local/src/tool-folder.ts"

/** One Postgres and one nats-server for a whole run, in a folder that goes with it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-test-"))
  const sweep = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  // An interrupted run is not torn down; its servers end with the guard.
  process.once("exit", sweep)
  const binary = await findNatsServer({ dataDir: toolFolder(), onProgress: (line) => console.error(line) })
  const guard = startGuard()
  const [database, nats] = await Promise.all([
    startPostgres({ dataDir: folder, guard, throwaway: true }),
    sharedNats({ folder, binary, guard }),
  ])
  project.provide("databaseUrl", database.url)
  project.provide("natsUrl", `nats://127.0.0.1:${nats.port}`)
  project.provide("natsServer", binary)
  project.provide("testFolder", folder)
  return async () => {
    await Promise.all([database.child.stop(), nats.child.stop()])
    await guard.close()
    sweep()
  }
}

interface SharedNats {
  folder: string
  binary: string
  guard: ReturnType<typeof startGuard>
}

async function sharedNats({ folder, binary, guard }: SharedNats): Promise<NatsServer> {
  const server = await startNatsServer({
    ...{ binary, guard, auth: null, host: "127.0.0.1", port: -1 },
    configFile: join(folder, "nats.conf"),
    storeDir: join(folder, "jetstream"),
    log: openLogFile(join(folder, "logs", "nats-server.log")),
  })
  if (server === null) throw new Error("nats-server found no free port")
  return server
}
