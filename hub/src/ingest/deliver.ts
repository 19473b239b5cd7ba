import { setImmediate } from "node:timers/promises"
import type { JsMsg } from "@nats-io/jetstream"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { HostId } from "@boocontrol/shared/ids"
import type { StreamName } from "@boocontrol/shared/subjects"
import { unreachable } from "@boocontrol/shared/unreachable"
import { sleep } from "../platform/clock.ts"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import { isAboutData, isCancelled } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { readMessage, redeliveryDelayMs, retryDelayMs } from "./core.ts"
import type { IngestCounters } from "./counters.ts"
import type { DurableKind, Handler, Handlers, HostsPort, OnRejected, Rejected } from "./ports.ts"
import type { Parking } from "./parking.ts"
import { refusedBy, unhandled, unresolved } from "./refusals.ts"
import { countDeadLetters, storeDeadLetters } from "./store/dead-letters.ts"

export interface DeliverOptions {
  sql: Sql
  clock: Clock
  log: Log
  handlers: Handlers
  hosts: HostsPort
  onRejected: OnRejected
  counters: IngestCounters
  parking: Parking
  /**
   * For so long a hub that cannot reach Postgres keeps what it holds, in its order. Then another one may fare better:
   * it is this hub's way to Postgres that is broken, or nobody's, and then it makes no difference.
   */
  handBackAfterMs: number
}

interface Item<K extends DurableKind = DurableKind> {
  msg: JsMsg
  envelope: Envelope<K>
}
type ItemsByKind = { [K in DurableKind]: Item<K>[] }

interface Refused {
  msg: JsMsg
  rejected: Rejected
}

/** One batch is read and handed on before the next is looked at, so that handlers get them in their order. */
export interface Turn {
  readonly mine: Promise<void>
  /** May be called again. */
  next(): void
}

export interface Delivering extends DeliverOptions {
  signal: AbortSignal
  turn: Turn
}

// About a millisecond's worth: what is heard while a backlog is read waits no longer than that.
const READ_AT_ONCE_BYTES = 128 * 1024

/** Thrown out of a retry when the hub stops or cannot reach Postgres: the messages stay with NATS. */
class Stopped extends Error {}

/** How a batch ended. */
export interface Delivered {
  /** Postgres could not be reached for long. */
  isAway: boolean
  /** To be handed back to NATS once this hub no longer asks for messages: before, it would get them again. */
  left: readonly JsMsg[]
}

// Once may be a lock that somebody held, or a Postgres that was frozen. Each costs as long as a statement may take.
const CANCELS_BORNE = 2

interface Before {
  /** So many statements in a row may take too long before the batch is made smaller. */
  cancelsBorne: number
  /** It was part of a batch that failed: of a try whose answer was lost something may be committed. */
  wasTried: boolean
}

const NOT_TRIED: Before = { cancelsBorne: CANCELS_BORNE, wasTried: false }

/** After an error that says nothing about the data or Postgres: a fault of ours, which must not become a storm. */
const AGAIN_AFTER_MS = 1_000

/**
 * Brings messages of one stream into Postgres. Each is acknowledged after its commit, or after it became a dead
 * letter. Resolves when all are settled, or with those left when `signal` aborts before that or Postgres stays away.
 */
export async function deliver(
  msgs: readonly JsMsg[],
  stream: StreamName,
  { signal, turn, ...options }: Delivering,
): Promise<Delivered> {
  const { clock, log, hosts, handlers, counters, parking, handBackAfterMs } = options
  const settled = new Set<JsMsg>()
  let isAway = false
  /** Since the last thing that Postgres did for us, or refused for taking too long. */
  let failingFromMs: number | null = null

  const retrying = async <T>(
    work: (attempt: number) => Promise<T>,
    cancelsBorne = Number.POSITIVE_INFINITY,
  ): Promise<T> => {
    let cancels = 0
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await work(attempt)
        counters.waitingForPostgres = false
        failingFromMs = null
        return result
      } catch (error) {
        if (isAboutData(error)) throw error
        counters.waitingForPostgres = true
        counters.retries++
        // Every further try would say the same.
        if (attempt === 1) log.warn({ err: error, stream }, "events cannot be stored now, trying again")
        if (isCancelled(error)) {
          // Postgres is not away, only slow, and would be no faster for another hub.
          failingFromMs = null
          if (++cancels >= cancelsBorne && !signal.aborted) throw error
        } else {
          cancels = 0
          failingFromMs ??= clock.now()
          isAway ||= clock.now() - failingFromMs >= handBackAfterMs
        }
        if (!isAway) await sleep(clock, retryDelayMs(attempt), signal)
        if (isAway || signal.aborted) throw new Stopped()
      }
    }
  }

  const ack = (msg: JsMsg): void => {
    // Sent without waiting: should it be lost, the message comes again and adds nothing.
    msg.ack()
    settled.add(msg)
  }

  const park = async (refused: readonly Refused[]): Promise<void> => {
    if (refused.length === 0) return
    const letters = refused.map(({ msg, rejected }) => ({
      ...rejected,
      subject: msg.subject,
      stream,
      streamSeq: msg.info.streamSequence,
      payload: msg.data,
    }))
    // One commit for all of them: a host that floods the stream with what makes no sense holds up all others.
    const [kept, counted] = parted(letters, (letter) =>
      parking.isKept(letter, letter.payload.length, clock.now()),
    )
    await retrying(() => storeDeadLetters(options.sql, kept))
    if (counted.length > 0) await retrying(() => countDeadLetters(options.sql, counted))
    for (const { rejected } of refused) {
      counters.deadLetters++
      options.onRejected(rejected)
    }
    for (const [{ msg, rejected }, count] of firstOfEachHost(refused)) {
      const { host, reason, problem } = rejected
      log.warn({ host, count, subject: msg.subject, reason, problem }, "messages not stored")
    }
  }

  const reject = async (refused: readonly Refused[]): Promise<void> => {
    await park(refused)
    for (const { msg } of refused) ack(msg)
  }

  const store = async <K extends DurableKind>(
    handler: Handler<K> = unhandled,
    items: readonly Item<K>[],
    { cancelsBorne, wasTried }: Before = NOT_TRIED,
  ): Promise<void> => {
    const [first] = items
    if (!first) return
    const redelivered = wasTried || items.some((item) => item.msg.redelivered)
    try {
      const envelopes = items.map((item) => item.envelope)
      // A try that failed may have been committed all the same, the connection having died before it was said.
      const outcome = await retrying(
        (attempt) => handler(envelopes, { redelivered: redelivered || attempt > 1 }),
        cancelsBorne,
      )
      const notYet = new Set(outcome?.notYet ?? [])
      for (const [index, item] of items.entries()) {
        if (notYet.has(index)) await putOff(item)
        else ack(item.msg)
      }
      counters.stored += items.length - notYet.size
      counters.lagMs = clock.now() - Date.parse(first.envelope.at)
    } catch (error) {
      if (error instanceof Stopped) throw error
      const isSlow = isCancelled(error)
      if (items.length === 1) {
        if (!isSlow) return await reject([{ msg: first.msg, rejected: refusedBy(error, first.envelope) }])
        // Nothing is wrong with it. It comes again, so that what follows need not wait for whatever holds it up.
        return again(first.msg)
      }
      // One of them is at fault, or they are too many. Halving helps while the others are stored, in their order.
      const middle = Math.ceil(items.length / 2)
      // What was too slow as a whole has had its patience: else getting down to one message takes a quarter of an hour.
      const before = { cancelsBorne: isSlow ? 1 : CANCELS_BORNE, wasTried: true }
      await store(handler, items.slice(0, middle), before)
      await store(handler, items.slice(middle), before)
    }
  }

  const again = (msg: JsMsg): void => {
    msg.nak(AGAIN_AFTER_MS)
    settled.add(msg)
  }

  const putOff = async ({ msg, envelope }: Item): Promise<void> => {
    const delayMs = redeliveryDelayMs(msg.info.deliveryCount)
    if (delayMs !== null) {
      msg.nak(delayMs)
      settled.add(msg)
    } else {
      await reject([{ msg, rejected: unresolved(envelope) }])
    }
  }

  const storeAll = async (): Promise<void> => {
    const events: Item[] = []
    const refused: Refused[] = []
    /** Of these a part is stored. */
    const aside: Refused[] = []
    let bytes = 0
    await turn.mine
    for (const msg of msgs) {
      bytes += msg.data.length
      if (bytes > READ_AT_ONCE_BYTES) {
        bytes = 0
        await setImmediate()
      }
      const reading = readMessage(msg.subject, msg.string(), clock.now())
      if (!reading.ok) refused.push({ msg, rejected: reading })
      else {
        events.push({ msg, envelope: reading.envelope })
        if (reading.aside !== null) aside.push({ msg, rejected: reading.aside })
      }
    }
    await reject(refused)
    await park(aside)
    for (const host of new Set(events.map((item) => item.envelope.host)))
      await retrying(() => hosts.ensureHost(host))
    const wanted = events.filter((item) => hosts.isEnabled(item.envelope.host))
    for (const item of events) if (!hosts.isEnabled(item.envelope.host)) dropDisabled(item.msg)
    const kinds = byKind(wanted)
    const storing = Promise.all([
      store(handlers.activity, kinds.activity),
      store(handlers.models, kinds.models),
      store(handlers.note, kinds.note),
      store(handlers.result, kinds.result),
      store(handlers.perf, kinds.perf),
    ])
    turn.next()
    await storing
  }

  const dropDisabled = (msg: JsMsg): void => {
    ack(msg)
    counters.disabled++
  }

  counters.received += msgs.length
  counters.redelivered += msgs.filter((msg) => msg.redelivered).length
  try {
    await storeAll()
  } catch (error) {
    const left = msgs.filter((msg) => !settled.has(msg))
    if (error instanceof Stopped) return { isAway, left }
    log.error({ err: error, stream }, "events left for another try")
    for (const msg of left) again(msg)
  }
  return { isAway: false, left: [] }
}

function parted<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  const [first, second]: [T[], T[]] = [[], []]
  for (const item of items) (isFirst(item) ? first : second).push(item)
  return [first, second]
}

/** What was refused first of each host, and how much of it was. */
function firstOfEachHost(refused: readonly Refused[]): [Refused, number][] {
  const hosts = new Map<HostId | null, [Refused, number]>()
  for (const one of refused) {
    const [first, count] = hosts.get(one.rejected.host) ?? [one, 0]
    hosts.set(one.rejected.host, [first, count + 1])
  }
  return [...hosts.values()]
}

function byKind(items: readonly Item[]): ItemsByKind {
  const kinds: ItemsByKind = { models: [], activity: [], note: [], result: [], perf: [] }
  for (const { msg, envelope } of items) {
    switch (envelope.kind) {
      case "models":
        kinds.models.push({ msg, envelope })
        break
      case "activity":
        kinds.activity.push({ msg, envelope })
        break
      case "note":
        kinds.note.push({ msg, envelope })
        break
      case "result":
        kinds.result.push({ msg, envelope })
        break
      case "perf":
        kinds.perf.push({ msg, envelope })
        break
      default:
        unreachable(envelope)
    }
  }
  return kinds
}
