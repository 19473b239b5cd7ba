import * as z from "zod/mini"
import type { Clock } from "./clock.ts"
import type { Log } from "./log.ts"
import { ownSession } from "./postgres.ts"
import type { Sql } from "./postgres.ts"

export interface AdvisoryLock {
  /**
   * Whether this process is the one. Late by one check when the connection breaks, and by `ANSWER_WITHIN_MS` more when a
   * firewall forgets it, which is when the server gives the lock to another, too.
   */
  isHeld(): boolean
  start(): void
  stop(): Promise<void>
}

export interface AdvisoryLockOptions {
  sql: Sql
  key: number
  clock: Clock
  log: Log
}

const CHECK_EVERY_MS = 5_000

const Session = z.tuple([z.object({ pid: z.int(), held: z.boolean() })])

/**
 * Makes one of several hubs the one that does something. The lock belongs to a session of Postgres, so it is held on
 * a connection of its own and is free as soon as that is gone.
 */
export function advisoryLock({ sql, key, clock, log }: AdvisoryLockOptions): AdvisoryLock {
  let connection: Sql | null = null
  // Session that has the lock; null: none of ours has.
  let heldBy: number | null = null
  let end: (() => void) | null = null
  let checking: Promise<void> | null = null

  const check = async (): Promise<void> => {
    try {
      connection ??= ownSession(sql)
      // The library reconnects by itself: another session means that the lock went with the old one. Of a session
      // that holds it already it is not asked for again: each time would have to be given back.
      const [{ pid, held }] = Session.parse([
        ...(await connection`
          select pg_backend_pid() as pid,
            case when pg_backend_pid() = ${heldBy ?? 0} then true else pg_try_advisory_lock(${key}) end as held`),
      ])
      heldBy = held ? pid : null
    } catch (error) {
      heldBy = null
      log.debug({ err: error, key }, "the advisory lock could not be checked")
    }
  }

  const round = (): void => {
    checking ??= check().finally(() => (checking = null))
  }

  return {
    isHeld: () => heldBy !== null,
    start() {
      if (end) return
      end = clock.every(CHECK_EVERY_MS, round)
      round()
    },
    async stop() {
      end?.()
      end = null
      await checking
      const ending = connection
      connection = null
      heldBy = null
      // The lock goes with its session.
      await ending?.end({ timeout: 1 })
    },
  }
}
