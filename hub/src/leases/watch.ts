import * as z from "zod/mini"
import { HostId } from "@boocontrol/shared/ids"
import { LeaseId } from "@boocontrol/shared/leases"
import type { LeaseAnnouncement } from "@boocontrol/shared/leases"
import { subjects } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { NatsConnection } from "../platform/nats.ts"
import type { Sql } from "../platform/postgres.ts"
import { announcedChange, deciding, shownLease } from "./core.ts"
import type { LeaseInForce } from "./core.ts"
import type { AnnouncerPort, LeaseFramePort } from "./ports.ts"
import { LEASES_CHANNEL } from "./store.ts"
import type { LeasesStore, StoredLease } from "./store.ts"

const LeaseNotice = z.object({
  provider_id: HostId,
  change: z.string(),
  lease_id: z.optional(LeaseId),
})

export interface LeaseWatch {
  /** In force on a host now, by this hub's memory. */
  of(host: HostId): LeaseInForce | null
  all(host: HostId): readonly LeaseInForce[]
  /** Of whatever host; null where none of that id is in force. */
  find(id: string): LeaseInForce | null
  /** Reads a host again: what was committed before the call is known afterwards. */
  refresh(host: HostId): Promise<void>
  /** Something about this lease or this host's queue has changed. */
  onChange(listener: (change: { host: HostId; lease: LeaseId | null }) => void): () => void
  start(): Promise<void>
  stop(): Promise<void>
}

export interface LeaseWatchOptions {
  sql: Sql
  nc: NatsConnection
  store: LeasesStore
  clock: Clock
  log: Log
  frame: LeaseFramePort
  announcer: AnnouncerPort
}

/** Every hub looks whether time has ended something: the first that does wins, and the others find nothing to do. */
const SWEEP_EVERY_MS = 1_000
const FORGET_EVERY_SWEEPS = 3_600

/** Keeps what is in force in memory on every hub, and lets time do its part in Postgres. */
export function createLeaseWatch(options: LeaseWatchOptions): LeaseWatch {
  const { sql, nc, store, clock, log, frame, announcer } = options
  const inForce = new Map<HostId, readonly LeaseInForce[]>()
  const waiting = new Map<HostId, number>()
  const listeners = new Set<(change: { host: HostId; lease: LeaseId | null }) => void>()
  const reading = new Map<HostId, { again: boolean; done: Promise<void> }>()
  const ends: (() => unknown)[] = []
  let sweeping: Promise<void> | null = null
  let sweeps = 0

  const show = (host: HostId): void => {
    const count = waiting.get(host) ?? 0
    frame.leased(host, shownLease(inForce.get(host) ?? [], { waiting: count, nowMs: clock.now() }))
  }

  /** One reading of a host at a time; a change meanwhile asks for one more, so that the last word is the newest. */
  const reload = (host: HostId): Promise<void> => {
    const running = reading.get(host)
    if (running) {
      running.again = true
      return running.done
    }
    const mine = { again: true, done: Promise.resolve() }
    reading.set(host, mine)
    mine.done = readWhileAsked(host, mine)
    return mine.done
  }

  const readWhileAsked = async (host: HostId, mine: { again: boolean }): Promise<void> => {
    try {
      while (mine.again) {
        mine.again = false
        const read = await store.inForce(host)
        inForce.set(
          host,
          read.leases.flatMap((lease) => withLocalEnd(lease, clock.now())),
        )
        waiting.set(host, read.waiting.get(host) ?? 0)
        show(host)
      }
    } catch (error) {
      log.warn({ err: error, host }, "a change of leases was not read")
    } finally {
      reading.delete(host)
    }
  }

  const reloadAll = async (): Promise<void> => {
    const read = await store.inForce(null)
    for (const host of new Set([...inForce.keys(), ...read.leases.map((lease) => lease.provider_id)])) {
      const leases = read.leases.filter((lease) => lease.provider_id === host)
      inForce.set(
        host,
        leases.flatMap((lease) => withLocalEnd(lease, clock.now())),
      )
      waiting.set(host, read.waiting.get(host) ?? 0)
      show(host)
    }
    for (const listener of listeners) for (const host of inForce.keys()) listener({ host, lease: null })
  }

  const announce = async (notice: z.infer<typeof LeaseNotice>): Promise<void> => {
    const change = announcedChange(notice.change)
    if (change === null || !notice.lease_id || !announcer.isOne() || nc.isClosed()) return
    const row = await store.find(notice.lease_id)
    if (!row) return
    const { state, ended_as: _as, remaining_ms: _ms, ...lease } = row
    const said: LeaseAnnouncement = {
      provider_id: notice.provider_id,
      change,
      lease: { ...lease, state: state === "draining" ? "draining" : "held" },
      at: instantOf(clock.now()),
    }
    nc.publish(subjects.hub("lease", notice.provider_id), JSON.stringify(said))
  }

  const hear = (payload: string): void => {
    const notice = LeaseNotice.safeParse(parsed(payload))
    if (!notice.success) return
    const { provider_id: host, lease_id = null } = notice.data
    for (const listener of listeners) listener({ host, lease: lease_id })
    void reload(host)
    announce(notice.data).catch((error: unknown) =>
      log.warn({ err: error, host }, "a change of a lease was not announced"),
    )
  }

  const sweep = async (): Promise<void> => {
    try {
      for (const host of await store.due()) await store.settle(host)
      if (sweeps % FORGET_EVERY_SWEEPS === 0) await store.forget()
      sweeps += 1
    } catch (error) {
      log.debug({ err: error }, "what has expired was not looked for")
    }
    // What ended by time alone is shown as ended even where Postgres does not answer.
    for (const [host, leases] of inForce) {
      if (leases.every(({ endsAtMs }) => endsAtMs > clock.now())) continue
      inForce.set(
        host,
        leases.filter(({ endsAtMs }) => endsAtMs > clock.now()),
      )
      show(host)
    }
  }

  return {
    of: (host) => deciding(inForce.get(host) ?? [], clock.now()),
    all: (host) => (inForce.get(host) ?? []).filter(({ endsAtMs }) => endsAtMs > clock.now()),
    find: (id) =>
      [...inForce.values()]
        .flat()
        .find(({ lease_id, endsAtMs }) => lease_id === id && endsAtMs > clock.now()) ?? null,
    refresh: reload,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async start() {
      if (ends.length > 0) return
      const again = (): void =>
        void reloadAll().catch((error: unknown) => log.warn({ err: error }, "leases were not read"))
      // Called also when the connection to Postgres is back: what was said meanwhile was not heard.
      const { unlisten } = await sql.listen(LEASES_CHANNEL, hear, again)
      await reloadAll()
      ends.push(
        unlisten,
        clock.every(SWEEP_EVERY_MS, () => {
          sweeping ??= sweep().finally(() => (sweeping = null))
        }),
      )
    },
    async stop() {
      for (const end of ends.splice(0)) await end()
      await sweeping
    },
  }
}

function withLocalEnd(lease: StoredLease, nowMs: number): LeaseInForce[] {
  const { state, remaining_ms, ended_as: _as, ...rest } = lease
  return state === "ended" ? [] : [{ ...rest, state, endsAtMs: nowMs + remaining_ms }]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
