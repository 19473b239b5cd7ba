import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Keeps secrets that must be used again, such as keys of hosts, unreadable in the database and its backups. */
export interface SecretBox {
  /** `place` says what it is for (`host:box`): a secret copied to another row does not open there. */
  seal(secret: string, place: string): Buffer
  /** Null where it was sealed with another key or for another place. */
  open(sealed: Uint8Array, place: string): string | null
}

const VERSION = 1
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

/** AES-256-GCM with a key of its own in the data folder, made on first use. Hubs that share a database share the file. */
export function createSecretBox(dataDir: string): SecretBox {
  let key: Buffer | null = null
  const keyOf = (): Buffer => (key ??= readOrMakeKey(join(dataDir, "keys")))
  return {
    seal(secret, place) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv("aes-256-gcm", keyOf(), iv).setAAD(Buffer.from(place))
      const text = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()])
      return Buffer.concat([Buffer.of(VERSION), iv, cipher.getAuthTag(), text])
    },
    open(sealed, place) {
      const bytes = Buffer.from(sealed)
      if (bytes[0] !== VERSION || bytes.length < 1 + IV_BYTES + TAG_BYTES) return null
      const iv = bytes.subarray(1, 1 + IV_BYTES)
      const tag = bytes.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES)
      try {
        const cipher = createDecipheriv("aes-256-gcm", keyOf(), iv, { authTagLength: TAG_BYTES })
        cipher.setAAD(Buffer.from(place)).setAuthTag(tag)
        const text = Buffer.concat([cipher.update(bytes.subarray(1 + IV_BYTES + TAG_BYTES)), cipher.final()])
        return text.toString("utf8")
      } catch {
        return null
      }
    },
  }
}

function readOrMakeKey(folder: string): Buffer {
  const path = join(folder, "secrets.key")
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  try {
    // Two hubs that start at once on one folder: only one makes it, both read that one.
    writeFileSync(path, `${randomBytes(KEY_BYTES).toString("hex")}\n`, { mode: 0o600, flag: "wx" })
    chmodSync(path, 0o600)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
  }
  const key = Buffer.from(readFileSync(path, "utf8").trim(), "hex")
  if (key.length !== KEY_BYTES)
    throw new Error(`${path} is not a key: restore it from a backup, or remove it and enter keys anew`)
  return key
}
