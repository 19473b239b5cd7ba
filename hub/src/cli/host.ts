import { HostId } from "@boocontrol/shared/ids"
import type { Config } from "../config.ts"
import { enrolmentOf, hostCredentials } from "../hosts/credentials.ts"
import { hostsStore } from "../hosts/store.ts"
import type { HostsStore } from "../hosts/store.ts"
import { createLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"

interface Command {
  store: HostsStore
  config: Config
  id: HostId
}

/** `host add|list|remove`: null where the arguments make no sense. */
export async function hostCommand(
  [verb, given]: readonly string[],
  readConfig: () => Config,
): Promise<number | null> {
  if (verb === "list" && given === undefined) return withStore(readConfig(), list)
  if (verb !== "add" && verb !== "remove") return null
  const id = HostId.safeParse(given)
  if (!id.success) {
    return fail(`${given ?? "nothing"} is no host id: 1 to 40 characters of a-z, 0-9 and -\n`, 2)
  }
  return withStore(readConfig(), (store, config) =>
    (verb === "add" ? add : remove)({ store, config, id: id.data }),
  )
}

async function withStore(
  config: Config,
  act: (store: HostsStore, config: Config) => Promise<number>,
): Promise<number> {
  const log = createLog({ ...config.log, level: "warn" })
  const sql = connectPostgres(config.databaseUrl, { log, max: 2 })
  try {
    await migrate(sql, { log })
    return await act(hostsStore(sql), config)
  } finally {
    await sql.end({ timeout: 5 })
  }
}

async function add({ store, config, id }: Command): Promise<number> {
  const row = await store.insert({ provider_id: id, display_name: id, tags: [] })
  const credsFile = await hostCredentials(config.dataDir).of(id)
  const { command } = enrolmentOf(id, { natsUrl: config.nats.url, credsFile })
  const registered = row ? `Host ${id} is registered.` : `Host ${id} was registered already.`
  const copy = credsFile === null ? "" : `Copy its credentials to that machine: ${credsFile}\n`
  process.stdout.write(`${registered}\n${copy}On its machine run:\n\n  ${command}\n`)
  return 0
}

async function remove({ store, id }: Command): Promise<number> {
  if (!(await store.remove(id))) return fail(`No host ${id}.\n`, 1)
  process.stdout.write(`Host ${id} is removed; its history stays.\n`)
  return 0
}

async function list(store: HostsStore): Promise<number> {
  const rows = (await store.all()).map((row) => [
    row.provider_id,
    row.enabled ? "enabled" : "disabled",
    row.last_seen_at ?? "never seen",
    row.gpu_label ?? "-",
  ])
  process.stdout.write(rows.map((row) => `${row.join("\t")}\n`).join(""))
  return 0
}

function fail(message: string, code: number): number {
  process.stderr.write(message)
  return code
}
