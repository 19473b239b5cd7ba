import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { decode, encodeUser, fmtCreds, parseCreds } from "@nats-io/jwt"
import { createUser, fromPublic, fromSeed } from "@nats-io/nkeys"
import type { HostId } from "@boocontrol/shared/ids"
import { inboxPrefixOf, subjects } from "@boocontrol/shared/subjects"

// A reply must come while the asker still waits; longer would leave a host a door into the hub's inbox.
const REPLY_WITHIN_NS = 60 * 1_000_000_000

export interface HostCredentials {
  /** Path of the host's credentials, made on the first call; null where NATS is not ours to give access to. */
  of(host: HostId): Promise<string | null>
  /** Makes new ones in place of the old, and says which user that was, to be refused from now on. */
  renew(host: HostId): Promise<{ path: string; replaced: string | null } | null>
}

/** Credentials for the embedded NATS, signed with the account's key in the data folder. */
export function hostCredentials(dataDir: string): HostCredentials {
  const folder = join(dataDir, "nats")
  const seedFile = join(folder, "account.seed")
  const accountFile = join(folder, "account.pub")
  const pathOf = (host: HostId): string => join(folder, "hosts", `${host}.creds`)
  const mint = async (host: HostId): Promise<string> => {
    const signer = fromSeed(Buffer.from(readFileSync(seedFile, "utf8").trim()))
    const account = existsSync(accountFile) ? readFileSync(accountFile, "utf8").trim() : signer.getPublicKey()
    const user = createUser()
    const jwt = await encodeUser(host, user, signer, {
      issuer_account: fromPublic(account).getPublicKey(),
      pub: { allow: [subjects.eventsOf(host), subjects.asksOf(host)] },
      sub: { allow: [subjects.commandsOf(host), `${inboxPrefixOf(host)}.>`] },
      resp: { max: 1, ttl: REPLY_WITHIN_NS },
    })
    const path = pathOf(host)
    mkdirSync(join(folder, "hosts"), { recursive: true, mode: 0o700 })
    // A sidecar of this machine reads the file whenever it connects: it must never be half of one.
    writeFileSync(`${path}.new`, fmtCreds(jwt, user), { mode: 0o600 })
    // The mode above is cut by the umask of whoever runs this, and ignored where the file exists.
    chmodSync(`${path}.new`, 0o600)
    renameSync(`${path}.new`, path)
    return path
  }
  return {
    async of(host) {
      if (!existsSync(seedFile)) return null
      return existsSync(pathOf(host)) ? pathOf(host) : mint(host)
    },
    async renew(host) {
      if (!existsSync(seedFile)) return null
      const replaced = existsSync(pathOf(host)) ? await userOf(readFileSync(pathOf(host))) : null
      return { path: await mint(host), replaced }
    },
  }
}

/** The public key of the user whose credentials these are. */
async function userOf(creds: Uint8Array): Promise<string> {
  return decode((await parseCreds(creds)).jwt).sub
}
