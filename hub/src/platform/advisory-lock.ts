import * as z from "zod/mini"
import type { ReservedSql } from "postgres"
import type { Clock } from "./clock.ts"
import type { Log } from "./log.ts"
import type { Sql } from "./postgres.ts"

export interface AdvisoryLock {
  /** Whether this process is the one. May be late by one check when the connection breaks. */
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

const Pid = z.tuple([z.object({ pid: z.int(), held: z.optional(z.boolean()) })])

/**
 * Makes one of several hubs the one that does something. The lock belongs to a session of Postgres, so it is held on
 * a connection of its own and is free as soon as that is gone.
 */
export function advisoryLock({ sql, key, clock, log }: AdvisoryLockOptions): AdvisoryLock {
  let held: { connection: ReservedSql; pid: number } | null = null
  let end: (() => void) | null = null
  let checking: Promise<void> | null = null

  const check = async (): Promise<void> => {
    try {
      if (held) await confirm(held)
      else await acquire()
    } catch (error) {
      lose()
      log.debug({ err: error, key }, "the advisory lock could not be checked")
    }
  }

  const acquire = async (): Promise<void> => {
    const connection = await sql.reserve()
    try {
      const rows = await connection`select pg_backend_pid() as pid, pg_try_advisory_lock(${key}) as held`
      const [{ pid, held: isOurs = false }] = Pid.parse([...rows])
      if (isOurs) held = { connection, pid }
      else connection.release()
    } catch (error) {
      connection.release()
      throw error
    }
  }

  // The library reconnects by itself: another session means that the lock went with the old one.
  const confirm = async ({ connection, pid }: NonNullable<typeof held>): Promise<void> => {
    const [{ pid: now }] = Pid.parse([...(await connection`select pg_backend_pid() as pid`)])
    if (now !== pid) lose()
  }

  const lose = (): void => {
    held?.connection.release()
    held = null
  }

  const round = (): void => {
    checking ??= check().finally(() => (checking = null))
  }

  return {
    isHeld: () => held !== null,
    start() {
      if (end) return
      end = clock.every(CHECK_EVERY_MS, round)
      round()
    },
    async stop() {
      end?.()
      end = null
      await checking
      if (!held) return
      const { connection } = held
      held = null
      await connection`select pg_advisory_unlock(${key})`.catch(() => undefined)
      connection.release()
    },
  }
}
