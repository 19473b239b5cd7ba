import { v7 as uuidv7 } from "uuid"
import { SourceLabel } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { Role } from "../access/core.ts"
import { tokensStore } from "../access/store.ts"
import { newToken } from "../access/tokens.ts"
import type { Config } from "../config.ts"
import { systemClock } from "../platform/clock.ts"
import { withDatabase } from "./database.ts"

export interface TokenFlags {
  role?: string | undefined
  days?: string | undefined
}

const DAY_MS = 86_400_000
const MOST_DAYS = 3_650

/** `token create|list|revoke`: null where the arguments make no sense. */
export async function tokenCommand(
  [verb, name, ...more]: readonly string[],
  flags: TokenFlags,
  readConfig: () => Config,
): Promise<number | null> {
  if (more.length > 0) return null
  if (verb === "list" && name === undefined) return list(readConfig())
  if (verb === "revoke" && name !== undefined) return revoke(name, readConfig())
  return verb === "create" ? create(name, flags, readConfig) : null
}

async function create(
  name: string | undefined,
  { role: wantedRole = "read", days }: TokenFlags,
  readConfig: () => Config,
): Promise<number> {
  const label = SourceLabel.safeParse(name)
  if (!label.success)
    return fail(`${name ?? "nothing"} is no label: 1 to 40 characters of a-z, 0-9 and -\n`, 2)
  const role = Role.safeParse(wantedRole)
  if (!role.success) return fail(`--role ${wantedRole} is not admin or read\n`, 2)
  const lastsDays = days === undefined ? null : Number(days)
  if (lastsDays !== null && !(lastsDays > 0 && lastsDays <= MOST_DAYS))
    return fail(`--days ${days} is no number of days, above 0 and at most ${MOST_DAYS}\n`, 2)
  const expiresAtMs = lastsDays === null ? null : systemClock.now() + lastsDays * DAY_MS
  const { token, hash } = newToken()
  return withDatabase(readConfig(), async (sql) => {
    const wanted = { id: uuidv7(), label: label.data, role: role.data, hash, expiresAtMs }
    if (!(await tokensStore(sql).insert(wanted)))
      return fail(`A token ${label.data} is in force: revoke it first, or take another label.\n`, 1)
    const until = expiresAtMs === null ? "until it is revoked" : `until ${instantOf(expiresAtMs)}`
    // The token alone on standard output: a script can take it.
    process.stdout.write(`${token}\n`)
    process.stderr.write(
      `Token ${label.data} (${role.data}) is good ${until}. It is shown this once and cannot be read again.\n`,
    )
    return 0
  })
}

function revoke(name: string, config: Config): Promise<number> {
  return withDatabase(config, async (sql) => {
    if (!(await tokensStore(sql).revoke(name))) return fail(`No token ${name} is in force.\n`, 1)
    process.stdout.write(`Token ${name} is revoked.\n`)
    return 0
  })
}

function list(config: Config): Promise<number> {
  return withDatabase(config, async (sql) => {
    const time = (atMs: number | null): string | null => (atMs === null ? null : instantOf(atMs))
    for (const token of await tokensStore(sql).all()) {
      const { expires_at_ms: expires, revoked_at_ms: revoked } = token
      const ended = expires !== null && expires <= systemClock.now()
      const state =
        revoked !== null
          ? `revoked ${instantOf(revoked)}`
          : expires === null
            ? "in force"
            : `${ended ? "expired" : "until"} ${instantOf(expires)}`
      const used = time(token.last_used_at_ms)
      const row = [token.label, token.role, state, used === null ? "never used" : `used ${used}`, token.id]
      process.stdout.write(`${row.join("\t")}\n`)
    }
    return 0
  })
}

function fail(message: string, code: number): number {
  process.stderr.write(message)
  return code
}
