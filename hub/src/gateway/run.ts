import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { Keyring } from "./keys.ts"
import { KEYS_CHANNEL, keysStore } from "./store.ts"

/** A crash forgets at most this much of what keys have used. */
const SAVE_MS = 2_000
/** What other hubs have counted is known here after so long. */
const RELOAD_MS = 30_000

export interface Keys {
  readonly ring: Keyring
  start(): Promise<void>
  stop(): Promise<void>
}

/** Keeps the keyring equal to the database, in the background: no request waits for it. */
export function createKeys({ sql, clock, log: parent }: { sql: Sql; clock: Clock; log: Log }): Keys {
  const log = parent.child({ part: "gateway" })
  const ring = new Keyring(keysStore(sql), () => clock.now())
  const ends: (() => unknown)[] = []
  const inBackground = (what: string, work: () => Promise<void>) => (): void => {
    work().catch((error: unknown) => log.warn({ err: error }, `${what}, trying again`))
  }
  const load = inBackground("gateway keys were not read", () => ring.load())
  const save = inBackground("use of gateway keys was not stored", () => ring.save())
  return {
    ring,
    async start() {
      if (ends.length > 0) return
      await ring.load()
      const { unlisten } = await sql.listen(KEYS_CHANNEL, load, load)
      ends.push(unlisten, clock.every(SAVE_MS, save), clock.every(RELOAD_MS, load))
    },
    async stop() {
      for (const end of ends.splice(0)) await end()
      await ring
        .save()
        .catch((error: unknown) => log.warn({ err: error }, "use of gateway keys was not stored"))
    },
  }
}
