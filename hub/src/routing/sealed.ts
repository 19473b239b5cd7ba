import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Keeps credentials in Postgres so that a copy of the database alone does not give them away. */
export interface Sealer {
  seal(text: string): Buffer
  /** Null where it was sealed with another key. */
  open(sealed: Uint8Array): string | null
}

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** AES-256-GCM with a key in the data folder, made on first use. */
export function createSealer(dataDir: string): Sealer {
  let known: Buffer | null = null
  const key = (): Buffer => (known ??= keyIn(join(dataDir, "keys"), "routing.key"))
  return {
    seal(text) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv("aes-256-gcm", key(), nonce)
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body])
    },
    open(sealed) {
      const bytes = Buffer.from(sealed)
      try {
        const decipher = createDecipheriv("aes-256-gcm", key(), bytes.subarray(0, NONCE_BYTES))
        decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
        const body = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES))
        return Buffer.concat([body, decipher.final()]).toString("utf8")
      } catch {
        return null
      }
    },
  }
}

/** Written beside and linked into place: of two hubs that begin at once both have the same key. */
function keyIn(folder: string, name: string): Buffer {
  const path = join(folder, name)
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const draft = `${path}.${randomBytes(6).toString("hex")}`
    writeFileSync(draft, randomBytes(32), { mode: 0o600 })
    try {
      linkSync(draft, path)
    } catch (error) {
      if (!existsSync(path)) throw error
    } finally {
      rmSync(draft)
    }
  }
  return readFileSync(path)
}
