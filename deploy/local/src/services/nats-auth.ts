import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { decode, encodeAccount, encodeOperator, encodeUser, fmtCreds } from "@nats-io/jwt"
import type { Account, User } from "@nats-io/jwt"
import { createAccount, createOperator, createUser, fromSeed } from "@nats-io/nkeys"
import type { KeyPair } from "@nats-io/nkeys"
import { writeSecret } from "../data-folder.ts"
import { hostPermissions, hubPermissions, toolPermissions } from "./nats-permissions.ts"

/** What the server needs to know of who may connect, and what we need to let somebody in. */
export interface NatsAuth {
  operatorJwt: string
  systemAccount: string
  /** Account id to account JWT: the whole MEMORY resolver. */
  accounts: Record<string, string>
  hubCreds: string
  toolCreds: string
  /** Path of the credentials of one host, made on the first call and kept. */
  hostCredentials(hostId: string): Promise<string>
}

const text = new TextDecoder()
const bytes = new TextEncoder()

/**
 * Reads the keys of a data folder, or makes them. The operator and the accounts are made once: streams belong to the
 * account's key, so a new one would orphan everything that is stored.
 */
export async function natsAuth(folder: string): Promise<NatsAuth> {
  mkdirSync(join(folder, "hosts"), { recursive: true, mode: 0o700 })
  const operator = keptKey(join(folder, "operator.seed"), createOperator)
  const system = keptKey(join(folder, "system.seed"), createAccount)
  const account = keptKey(join(folder, "account-identity.seed"), createAccount)
  // Users are signed by this one, which can be replaced without touching what is stored under the identity.
  const signer = keptKey(join(folder, "account.seed"), createAccount)
  writeSecret(join(folder, "account.pub"), `${account.getPublicKey()}\n`)

  const mint = async (path: string, name: string, user: Partial<User>): Promise<string> => {
    if (existsSync(path)) return path
    const key = createUser()
    const claims = { ...user, issuer_account: account.getPublicKey() }
    writeSecret(path, fmtCreds(await encodeUser(name, key, signer, claims), key))
    return path
  }
  // Kept over starts: who was refused once stays refused. The hub adds to it when a host gets new credentials.
  const accountFile = join(folder, "account.jwt")
  const claims = { ...accountClaims(signer), revocations: revokedIn(accountFile) }
  const accountJwt = await encodeAccount("BOO", account, claims, { signer: operator })
  writeSecret(accountFile, `${accountJwt}\n`)
  const operatorClaims = { system_account: system.getPublicKey() }
  return {
    operatorJwt: await encodeOperator("boocontrol", operator, operatorClaims),
    systemAccount: system.getPublicKey(),
    accounts: {
      [system.getPublicKey()]: await encodeAccount("SYS", system, SYSTEM_CLAIMS, { signer: operator }),
      [account.getPublicKey()]: accountJwt,
    },
    hubCreds: await mint(join(folder, "hub.creds"), "hub", hubPermissions()),
    toolCreds: await mint(join(folder, "tool.creds"), "tool", toolPermissions()),
    hostCredentials: (hostId) =>
      mint(join(folder, "hosts", `${hostId}.creds`), hostId, hostPermissions(hostId)),
  }
}

function keptKey(path: string, make: () => KeyPair): KeyPair {
  if (!existsSync(path)) writeSecret(path, `${text.decode(make().getSeed())}\n`)
  return fromSeed(bytes.encode(readFileSync(path, "utf8").trim()))
}

/** The hub tells the running server through it whom to refuse. Without limits nobody may connect at all. */
const SYSTEM_CLAIMS = { limits: { subs: -1, data: -1, payload: -1, conn: -1, wildcards: true } }

function revokedIn(accountFile: string): Record<string, number> {
  if (!existsSync(accountFile)) return {}
  return decode<Account>(readFileSync(accountFile, "utf8").trim()).nats.revocations ?? {}
}

function accountClaims(signer: KeyPair): Parameters<typeof encodeAccount>[2] & object {
  return {
    signing_keys: [signer.getPublicKey()],
    limits: {
      ...{ subs: -1, data: -1, payload: -1, conn: -1, leaf: -1, imports: -1, exports: -1, wildcards: true },
      ...{ mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
    },
  }
}
