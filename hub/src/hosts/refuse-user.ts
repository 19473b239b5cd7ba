import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { decode, encodeAccount, encodeUser } from "@nats-io/jwt"
import type { Account } from "@nats-io/jwt"
import { createUser, fromPublic, fromSeed } from "@nats-io/nkeys"
import type { KeyPair } from "@nats-io/nkeys"
import { connect, jwtAuthenticator } from "@nats-io/transport-node"
import * as z from "zod/mini"
import { systemClock } from "../platform/clock.ts"

const CONNECT_WITHIN_MS = 5_000
const ANSWER_WITHIN_MS = 5_000

export type Refused = { ok: true } | { ok: false; problem: string }

/**
 * Writes a user of the embedded NATS into the account's list of the refused, which is read at each start, and tells
 * the running server, which closes the user's connections.
 */
export async function refuseUser(
  user: string,
  { dataDir, natsUrl }: { dataDir: string; natsUrl: string },
): Promise<Refused> {
  const folder = join(dataDir, "nats")
  const file = join(folder, "account.jwt")
  if (!existsSync(file))
    return { ok: false, problem: `there is no ${file}: start BooControl once to make it` }
  const { sub: account, name, nats } = decode<Account>(readFileSync(file, "utf8").trim())
  const untilS = Math.floor(systemClock.now() / 1_000)
  const claims = { ...nats, revocations: { ...nats.revocations, [user]: untilS } }
  const jwt = await encodeAccount(name, fromPublic(account), claims, {
    signer: keyIn(join(folder, "operator.seed")),
  })
  writeFileSync(`${file}.new`, `${jwt}\n`, { mode: 0o600 })
  chmodSync(`${file}.new`, 0o600)
  renameSync(`${file}.new`, file)
  try {
    return await tell(natsUrl, { account, jwt, system: keyIn(join(folder, "system.seed")) })
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) }
  }
}

const Answer = z.object({
  data: z.optional(z.object({ code: z.number() })),
  error: z.optional(z.object({ description: z.string() })),
})

/** The system account takes a new version of another account, as long as the operator has signed it. */
async function tell(
  natsUrl: string,
  { account, jwt, system }: { account: string; jwt: string; system: KeyPair },
): Promise<Refused> {
  const user = createUser()
  const userJwt = await encodeUser("boocontrol-hub", user, system, {})
  const nc = await connect({
    ...{ servers: natsUrl, authenticator: jwtAuthenticator(userJwt, user.getSeed()) },
    ...{ timeout: CONNECT_WITHIN_MS, reconnect: false },
  })
  try {
    const reply = await nc.request(`$SYS.REQ.ACCOUNT.${account}.CLAIMS.UPDATE`, jwt, {
      timeout: ANSWER_WITHIN_MS,
    })
    const { data, error } = Answer.parse(reply.json())
    return data?.code === 200
      ? { ok: true }
      : { ok: false, problem: error?.description ?? "NATS did not say that it took the list" }
  } finally {
    await nc.close()
  }
}

function keyIn(path: string): KeyPair {
  return fromSeed(Buffer.from(readFileSync(path, "utf8").trim()))
}
