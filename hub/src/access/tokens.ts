import { createHash, randomBytes } from "node:crypto"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import type { NamedToken } from "./core.ts"
import { TOKENS_CHANNEL, tokensStore } from "./store.ts"
import type { StoredToken } from "./store.ts"

/** Ours begin so: one that is wrong is told from a text that a client sends because it must send something. */
const PREFIX = "boo_"
/** A last use is known to this much, and a crash forgets no more of it. */
const SAVE_MS = 15_000
/** If a notification was lost, what another process revoked is refused here after so long. */
const RELOAD_MS = 30_000

/** All tokens in memory: who asks is known without asking anybody. */
export interface Tokens {
  /** Null: nothing that looks like a token of ours. */
  look(token: string | null): NamedToken | null
  start(): Promise<void>
  stop(): Promise<void>
}

export function newToken(): { token: string; hash: Buffer } {
  const token = `${PREFIX}${randomBytes(32).toString("base64url")}`
  return { token, hash: hashOf(token) }
}

export function createTokens({ sql, clock, log: parent }: { sql: Sql; clock: Clock; log: Log }): Tokens {
  const log = parent.child({ part: "access" })
  const store = tokensStore(sql)
  let byHash = new Map<string, StoredToken>()
  const usedAtMs = new Map<string, number>()
  const ends: (() => unknown)[] = []

  const load = async (): Promise<void> => {
    const all = await store.all()
    byHash = new Map(all.map((token) => [Buffer.from(token.token_hash).toString("base64"), token]))
  }
  const save = async (): Promise<void> => {
    const used = [...usedAtMs].map(([id, atMs]) => ({ id, atMs }))
    if (used.length === 0) return
    await store.used(used)
    for (const { id, atMs } of used) if (usedAtMs.get(id) === atMs) usedAtMs.delete(id)
  }
  const inBackground = (what: string, work: () => Promise<void>) => (): void => {
    work().catch((error: unknown) => log.warn({ err: error }, what))
  }
  const reload = inBackground("tokens were not read, trying again", load)
  const saveUse = inBackground("the last use of tokens was not stored, trying again", save)

  return {
    look(given) {
      if (given === null || !given.startsWith(PREFIX)) return null
      const token = byHash.get(hashOf(given).toString("base64"))
      if (!token) return { ok: false, problem: "is not known here" }
      const { label, role, id } = token
      const nowMs = clock.now()
      if (token.revoked_at_ms !== null) return { ok: false, problem: `(${label}) was revoked` }
      if (token.expires_at_ms !== null && token.expires_at_ms <= nowMs)
        return { ok: false, problem: `(${label}) has expired` }
      usedAtMs.set(id, nowMs)
      return { ok: true, label, role }
    },
    async start() {
      if (ends.length > 0) return
      await load()
      // The third is called at each new connection too: what was announced in between is not missed.
      const { unlisten } = await sql.listen(TOKENS_CHANNEL, reload, reload)
      ends.push(unlisten, clock.every(RELOAD_MS, reload), clock.every(SAVE_MS, saveUse))
    },
    async stop() {
      for (const end of ends.splice(0)) await end()
      await save().catch((error: unknown) =>
        log.warn({ err: error }, "the last use of tokens was not stored"),
      )
    },
  }
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest()
}
