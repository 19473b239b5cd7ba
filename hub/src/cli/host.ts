import { HostId } from "@boocontrol/shared/ids"
import type { Config } from "../config.ts"
import { hostCredentials } from "../hosts/credentials.ts"
import { createEnrolments, hubUrlOf, offerEnrolment } from "../hosts/enrolments.ts"
import { refuseUser } from "../hosts/refuse-user.ts"
import { hostsStore } from "../hosts/store.ts"
import type { HostsStore } from "../hosts/store.ts"
import type { Sql } from "../platform/postgres.ts"
import { withDatabase } from "./database.ts"

interface Command {
  sql: Sql
  store: HostsStore
  config: Config
  id: HostId
}

/** `host add|list|remove|rotate`: null where the arguments make no sense. */
export async function hostCommand(
  [verb, given]: readonly string[],
  readConfig: () => Config,
): Promise<number | null> {
  if (verb === "list" && given === undefined) return withStore(readConfig(), list)
  const act = verb === undefined ? undefined : ACTS[verb]
  if (!act) return null
  const id = HostId.safeParse(given)
  if (!id.success) {
    return fail(`${given ?? "nothing"} is no host id: 1 to 40 characters of a-z, 0-9 and -\n`, 2)
  }
  return withStore(readConfig(), (parts) => act({ ...parts, id: id.data }))
}

const ACTS: Readonly<Record<string, (command: Command) => Promise<number>>> = { add, remove, rotate }

function withStore(config: Config, act: (parts: Omit<Command, "id">) => Promise<number>): Promise<number> {
  return withDatabase(config, (sql) => act({ sql, config, store: hostsStore(sql) }))
}

async function add({ sql, store, config, id }: Command): Promise<number> {
  const row = await store.insert({ provider_id: id, display_name: id, tags: [] })
  const offered = await offerEnrolment(id, {
    enrolments: createEnrolments(sql),
    credentials: hostCredentials(config.dataDir),
    natsUrl: config.nats.url,
    hubUrl: hubUrlOf(config),
  })
  const registered = row ? `Host ${id} is registered.` : `Host ${id} was registered already.`
  const copy = offered.creds_file === null ? "" : `copy its credentials there from ${offered.creds_file} and `
  process.stdout.write(
    `${registered}\nOn its machine run, until ${offered.expires_at}, once:\n\n  ${offered.command}\n\n` +
      `Where that machine cannot reach the hub: ${copy}run\n\n  ${offered.run_command}\n`,
  )
  return 0
}

async function remove({ store, id }: Command): Promise<number> {
  if (!(await store.remove(id))) return fail(`No host ${id}.\n`, 1)
  process.stdout.write(`Host ${id} is removed; its history stays.\n`)
  return 0
}

/** The new ones are in place before the old are refused: a sidecar that reads them there comes back by itself. */
async function rotate({ store, config, id }: Command): Promise<number> {
  if (!(await store.find(id))) return fail(`No host ${id}.\n`, 1)
  const renewed = await hostCredentials(config.dataDir).renew(id)
  if (renewed === null) {
    return fail(
      `The NATS at ${config.nats.url.replaceAll(/\/\/[^@/]*@/g, "//")} is not one that this data folder (${config.dataDir}) gives access to: ` +
        "make new credentials there, or run this on the machine of the hub with its BOO_DATA_DIR.\n",
      1,
    )
  }
  const { path, replaced } = renewed
  process.stdout.write(
    `New credentials of ${id}: ${path}\nPut them in place of the old ones on its machine.\n`,
  )
  if (replaced === null) return 0
  const refused = await refuseUser(replaced, { dataDir: config.dataDir, natsUrl: config.nats.url })
  if (refused.ok) process.stdout.write("The old ones are refused from now on, open connections too.\n")
  else process.stderr.write(`The old ones are good until NATS is started again: ${refused.problem}\n`)
  return refused.ok ? 0 : 1
}

async function list({ store }: Pick<Command, "store">): Promise<number> {
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
