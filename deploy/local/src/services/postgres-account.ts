import { execFileSync } from "node:child_process"
import type { Account } from "../data-folder.ts"
import { messageOf, StartFailure } from "../failure.ts"

export const POSTGRES_ACCOUNT = "postgres"

/** Postgres refuses to run as root: then it runs as the system's `postgres` user, made if there is none. */
export function postgresAccount(): Account | null {
  if (process.getuid?.() !== 0) return null
  const known = lookUp()
  if (known !== null) return known
  try {
    run("groupadd", ["--system", "--force", POSTGRES_ACCOUNT])
    run("useradd", ["--system", "--gid", POSTGRES_ACCOUNT, "--no-create-home", POSTGRES_ACCOUNT])
  } catch (error) {
    throw noAccount(messageOf(error), error)
  }
  const made = lookUp()
  if (made === null) throw noAccount("it is not there after useradd", null)
  return made
}

function noAccount(why: string, cause: unknown): StartFailure {
  return new StartFailure(
    `Postgres does not run as root, and the user ${POSTGRES_ACCOUNT} could not be made: ${why}.\n` +
      `Make that user, or start BooControl as an ordinary user, or set DATABASE_URL.`,
    { cause },
  )
}

function lookUp(): Account | null {
  try {
    return {
      uid: Number(run("id", ["-u", POSTGRES_ACCOUNT])),
      gid: Number(run("id", ["-g", POSTGRES_ACCOUNT])),
    }
  } catch {
    return null
  }
}

function run(file: string, args: string[]): string {
  return execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim()
}
