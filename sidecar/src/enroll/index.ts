import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as z from "zod/mini"
import { ErrorBody } from "@boocontrol/shared/errors"
import { Enrolled } from "@boocontrol/shared/hosts"
import { ENROLLED_FILE } from "../config.ts"
import { reasonOf } from "../platform/log.ts"
import { envFileText } from "./env-file.ts"
import { postJson } from "./post.ts"

const ANSWER_WITHIN_MS = 15_000

export interface EnrolOptions {
  /** Base address of the hub, as the enrolment command has it. */
  hub: string
  token: string
  dataDir: string
  /** Settings that are given now; they are kept for every later run. */
  settings: ReadonlyMap<string, string>
  write: (line: string) => void
}

/** Why a machine could not be enrolled, and what to do. */
export class EnrolError extends Error {}

/** Exchanges the token for this host's credentials and keeps them where `run` looks. */
export async function enroll({ hub, token, dataDir, settings, write }: EnrolOptions): Promise<void> {
  // First, so that a folder that cannot be written costs nobody a token.
  const envFile = join(dataDir, ENROLLED_FILE)
  prepare(dataDir)
  const { provider_id: host, nats_url: natsUrl, creds } = await exchange(hub, token)
  const credsFile = join(dataDir, `${host}.creds`)
  if (creds !== null) keep(credsFile, creds)
  const own = new Map([
    // A service runs as another account, whose data folder would be another.
    ["BOO_DATA_DIR", dataDir],
    ["BOO_HOST_ID", host as string],
    ["NATS_URL", natsUrl],
  ])
  if (creds !== null) own.set("NATS_CREDS", credsFile)
  for (const [name, value] of settings) if (!OF_THE_HUB.has(name)) own.set(name, value)
  const text = envFileText(own)
  if (text === null)
    throw new EnrolError(
      "a setting holds a quote or a line break: set it in the environment of `run` instead",
    )
  keep(envFile, text)
  write(`This machine is host ${host} now.`)
  write(`  settings     ${envFile}`)
  write(
    `  credentials  ${creds === null ? "none: this NATS asks for none that the hub could make" : credsFile}`,
  )
  write(`  NATS         ${natsUrl}`)
  write(
    "`boocontrol-sidecar doctor` says whether everything can be reached, `run` and `install` use these settings.",
  )
}

/** Said by the hub, or about this folder: what is given of them now was meant for another time. */
const OF_THE_HUB: ReadonlySet<string> = new Set(["BOO_HOST_ID", "NATS_URL", "NATS_CREDS", "BOO_DATA_DIR"])

async function exchange(hub: string, token: string): Promise<Enrolled> {
  const address = `${hub.replace(/\/+$/, "")}/api/control/enroll`
  try {
    const { status, body } = await postJson(address, { token }, { timeoutMs: ANSWER_WITHIN_MS })
    const said = z.union([Enrolled, ErrorBody]).safeParse(parsed(body))
    if (!said.success)
      throw new EnrolError(`${hub} answered ${status}, and not as a hub does: check the address in --hub`)
    if ("provider_id" in said.data) return said.data
    throw new EnrolError(said.data.error)
  } catch (error) {
    if (error instanceof EnrolError) throw error
    throw new EnrolError(
      `the hub at ${hub} cannot be reached from this machine: ${reasonOf(error)}. Check the address in --hub: ` +
        "it is the one at which the cockpit was opened, and 127.0.0.1 is right on the hub's own machine only",
    )
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function prepare(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    keep(join(dataDir, `enroll-${process.pid}`), "", { andRemove: true })
  } catch (error) {
    throw new EnrolError(
      `${dataDir} cannot be written: ${reasonOf(error)}. Set BOO_DATA_DIR to another folder`,
    )
  }
}

/** Whole or not at all, and for its owner only: the mode of a file that is made is cut by the umask, never widened. */
function keep(path: string, text: string, { andRemove = false } = {}): void {
  const next = `${path}.new`
  writeFileSync(next, text, { mode: 0o600 })
  chmodSync(next, 0o600)
  if (andRemove) rmSync(next)
  else renameSync(next, path)
}
