import type { DeadLetterRetried, DeadLetterRetry } from "@boocontrol/shared/retention"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import { isAboutData } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { readMessage } from "./core.ts"
import type { DurableKind, Handler, Handlers, HostsPort, Rejected } from "./ports.ts"
import { refusedBy, unhandled, unresolved } from "./refusals.ts"
import { keptLetters, letterStillDead, letterStored } from "./store/retries.ts"
import type { KeptLetter } from "./store/retries.ts"

export interface RetryOptions {
  sql: Sql
  clock: Clock
  log: Log
  handlers: Handlers
  hosts: HostsPort
}

/** A letter that can be read now. `aside`: why not all of it can be stored, and so why it stays. */
interface Readable<K extends DurableKind = DurableKind> {
  readonly id: number
  readonly envelope: Envelope<K>
  readonly aside: Rejected | null
}
type StillDead = Parameters<typeof letterStillDead>[1][number]

/** As many as one handler is given at once: what becomes of them is written down before the next. */
const AT_ONCE = 100
const DECODER = new TextDecoder()

/**
 * Dead letters once more through what every message goes through. Each is taken away after its commit: whoever dies
 * in between leaves it, and what is stored a second time adds nothing. For the same reason two may do it at once.
 */
export function createRetry({ sql, clock, log: parent, handlers, hosts }: RetryOptions) {
  const log = parent.child({ part: "ingest" })

  return async (wanted: DeadLetterRetry): Promise<DeadLetterRetried> => {
    const letters = await keptLetters(sql, wanted)
    const skipped = { not_kept: 0, host_disabled: 0 }
    const dead = new Map<string, number>()
    let stored = 0

    const settle = async (good: readonly number[], bad: readonly StillDead[]): Promise<void> => {
      await letterStored(sql, good)
      await letterStillDead(sql, bad)
      stored += good.length
      for (const { rejected } of bad) dead.set(rejected.reason, (dead.get(rejected.reason) ?? 0) + 1)
    }

    const store = async <K extends DurableKind>(
      handler: Handler<K> = unhandled,
      items: readonly Readable<K>[],
    ): Promise<void> => {
      if (items.length === 0) return
      try {
        const outcome = await handler(
          items.map(({ envelope }) => envelope),
          { redelivered: true },
        )
        const notYet = new Set(outcome?.notYet ?? [])
        const good = items.filter(({ aside }, n) => aside === null && !notYet.has(n)).map(({ id }) => id)
        const bad = items.flatMap(({ id, envelope, aside }, n) => {
          const rejected = notYet.has(n) ? unresolved(envelope) : aside
          return rejected === null ? [] : { id, rejected }
        })
        await settle(good, bad)
      } catch (error) {
        if (!isAboutData(error)) throw error
        const [only, another] = items
        if (only !== undefined && another === undefined)
          return settle([], [{ id: only.id, rejected: refusedBy(error, only.envelope) }])
        const middle = Math.ceil(items.length / 2)
        await store(handler, items.slice(0, middle))
        await store(handler, items.slice(middle))
      }
    }

    const read = async (some: readonly KeptLetter[]): Promise<Readable[]> => {
      const readable: Readable[] = []
      const bad: StillDead[] = []
      for (const { id, subject, payload } of some) {
        if (payload === null) {
          skipped.not_kept++
          continue
        }
        const reading = readMessage(subject, DECODER.decode(payload), clock.now())
        if (!reading.ok) {
          bad.push({ id, rejected: reading })
          continue
        }
        const { envelope, aside } = reading
        await hosts.ensureHost(envelope.host)
        // A message of the stream would be dropped: this one was kept to be stored some day.
        if (!hosts.isEnabled(envelope.host)) skipped.host_disabled++
        else readable.push({ id, envelope, aside })
      }
      await settle([], bad)
      return readable
    }

    for (let from = 0; from < letters.length; from += AT_ONCE) {
      const readable = await read(letters.slice(from, from + AT_ONCE))
      await store(handlers.activity, ofKind(readable, "activity"))
      await store(handlers.models, ofKind(readable, "models"))
      await store(handlers.note, ofKind(readable, "note"))
      await store(handlers.result, ofKind(readable, "result"))
      await store(handlers.perf, ofKind(readable, "perf"))
    }
    const still_dead = [...dead].map(([reason, count]) => ({ reason, count }))
    const retried = letters.length - skipped.not_kept - skipped.host_disabled
    log.info({ ...wanted, retried, stored, still_dead, skipped }, "dead letters were tried again")
    // The letters of a batch may also be few because they are large: whether more follow only the next question says.
    return { retried, stored, still_dead, skipped, next: letters.at(-1)?.id ?? null }
  }
}

function ofKind<K extends DurableKind>(readable: readonly Readable[], kind: K): Readable<K>[] {
  return readable.filter((one): one is Readable<K> => one.envelope.kind === kind)
}
