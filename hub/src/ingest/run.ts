import type { JsMsg } from "@nats-io/jetstream"
import type { StreamName } from "@boocontrol/shared/subjects"
import { sleep } from "../platform/clock.ts"
import type { NatsConnection } from "../platform/nats.ts"
import { NOWHERE, Roster } from "../platform/roster.ts"
import type { Seated } from "../platform/roster.ts"
import { ensureStreams, forgetUnheard, openConsumer, usageOf } from "../platform/streams.ts"
import type { ConsumerLimits, StreamSettings } from "../platform/streams.ts"
import { NONE_GIVEN_BACK, lookAfter, retryDelayMs } from "./core.ts"
import { deliver } from "./deliver.ts"
import type { DeliverOptions, Turn } from "./deliver.ts"
import { recordGone } from "./gone.ts"

export interface RunOptions extends DeliverOptions {
  nc: NatsConnection
  stream: StreamName
  streams: StreamSettings
  limits: ConsumerLimits
}

interface Pace {
  /**
   * Messages of one batch at most. More in one statement makes it no faster, and while a batch is written nothing else
   * of its thread goes on: the five samples of a message cost as much as its twenty request rows.
   */
  maxBatch: number
  /** Between the starts of two batches, unless a full one waits: a commit costs the same for one row and for many. */
  gatherMs: number
  /** Full batches in hand at once: while Postgres stores one, the next is read. */
  atOnce: number
}

// Request rows are waited for on screens; the samples that are looked at come another way. Where order matters, the
// handler of a kind keeps it: it is given batches in their order.
const PACE: Readonly<Record<StreamName, Pace>> = {
  BOO_EVENTS: { maxBatch: 256, gatherMs: 40, atOnce: 2 },
  BOO_PERF: { maxBatch: 96, gatherMs: 250, atOnce: 2 },
}

/**
 * Reads one stream until it is stopped:
 *   opening    streams and durable are made sure of              -> reading, or waiting when NATS refuses
 *   reading    whatever is there is stored, then acknowledged    -> waiting when the durable is gone, or Postgres is away
 *   waiting    a growing pause, until Postgres answers           -> opening
 */
export function runStream(options: RunOptions): { stop(): Promise<void> } {
  const { nc, clock, log, stream } = options
  const abort = new AbortController()

  const loop = async (): Promise<void> => {
    let isAway = false
    let given = NONE_GIVEN_BACK
    /** Often, while Postgres is away: what another hub stored can only be told from what is lost while it is still there. */
    const lookAfterGiven = async (): Promise<void> => {
      if (given.waiting.length === 0) return
      try {
        given = lookAfter(given, await usageOf(nc, stream))
      } catch (error) {
        // A stream that is gone is made anew below: that must not wait for this.
        log.debug({ err: error, stream }, "what was given back was not looked after")
      }
    }
    for (let attempt = 1; !abort.signal.aborted && !nc.isClosed(); attempt++) {
      try {
        await lookAfterGiven()
        // What this hub would read now, it would only keep from another.
        if (isAway) await options.sql`select 1`
        isAway = false
        await ensureStreams(nc, options.streams, log)
        const { consumer, gone } = await openConsumer(nc, stream, options.limits)
        await lookAfterGiven()
        await recordGone({ ...gone, given: given.gone }, options)
        given = NONE_GIVEN_BACK
        attempt = 1
        const ended = await read(consumer, options, abort.signal)
        isAway = ended.isAway
        given = { ...NONE_GIVEN_BACK, waiting: ended.left }
        if (isAway) log.warn({ stream }, "Postgres is away: what was in hand was given back to NATS")
      } catch (error) {
        log.warn({ err: error, stream }, "the stream cannot be read now, trying again")
      }
      await sleep(clock, retryDelayMs(attempt), abort.signal)
    }
  }
  const ended = loop()
  return {
    stop() {
      abort.abort()
      return ended
    },
  }
}

/** A batch that is being stored. */
interface Work extends Seated {
  readonly batch: readonly JsMsg[]
  done: Promise<void>
}

type Consumer = Awaited<ReturnType<typeof openConsumer>>["consumer"]

interface Ended {
  isAway: boolean
  /** Sequences of what was given back. */
  left: readonly number[]
}

/** Resolves when stopped, when the durable or the connection is gone, or when Postgres is away for long. */
async function read(consumer: Consumer, options: RunOptions, signal: AbortSignal): Promise<Ended> {
  const { nc, clock, stream, limits } = options
  const { maxBatch, gatherMs, atOnce } = PACE[stream]
  const held: JsMsg[] = []
  const left: JsMsg[] = []
  let isAway = false
  const working = new Roster<Work>()
  let wake = (): void => undefined
  const messages = await consumer.consume({
    max_messages: maxBatch,
    expires: 10_000,
    abort_on_missing_resource: true,
    callback: (msg) => {
      held.push(msg)
      if (held.length === 1 || held.length === maxBatch) wake()
    },
  })
  const ending = new AbortController()
  const close = (): void => {
    ending.abort()
    wake()
  }
  const closed = messages.closed().then(close)
  signal.addEventListener("abort", close)
  // Asked to stop while the consumer was being opened: that event has gone by.
  if (signal.aborted) close()
  // While Postgres is away for a moment, what is held here must not go to another hub, which would fare no better:
  // the order would be lost.
  const stopHeartbeat = clock.every(limits.ackWaitMs / 3, () => {
    if (nc.isClosed()) return
    for (const msg of [...working.now().flatMap(({ batch }) => batch), ...held]) msg.working()
  })
  /** Until something changes, or for so long. */
  const change = (ms: number | null): Promise<void> =>
    new Promise((resolve) => {
      const cancel = ms === null ? null : clock.setTimeout(() => wake(), ms)
      wake = () => {
        cancel?.()
        resolve()
      }
    })
  const takeTurn = turns()
  const begin = (): void => {
    const batch = held.splice(0, maxBatch)
    const work: Work = { seat: NOWHERE, batch, done: Promise.resolve() }
    working.add(work)
    work.done = deliver(batch, stream, { ...options, signal, turn: takeTurn() }).then((delivered) => {
      working.remove(work)
      left.push(...delivered.left)
      isAway ||= delivered.isAway
      if (isAway) close()
      else wake()
    })
  }
  let notBeforeMs = 0
  try {
    while (!ending.signal.aborted) {
      const isFull = held.length >= maxBatch
      const waitMs = isFull ? 0 : notBeforeMs - clock.now()
      // Beside a batch in hand only a full one is worth a connection of its own.
      const most = isFull ? atOnce : 1
      if (held.length === 0 || working.size >= most) await change(null)
      else if (waitMs > 0) await change(waitMs)
      else {
        notBeforeMs = clock.now() + gatherMs
        begin()
      }
    }
  } finally {
    await Promise.all(working.now().map(({ done }) => done))
    stopHeartbeat()
    signal.removeEventListener("abort", close)
    messages.stop()
    await closed
    left.push(...held)
    await handBack(left, options)
  }
  return { isAway, left: left.map((msg) => msg.info.streamSequence) }
}

async function handBack(msgs: readonly JsMsg[], { nc, stream, log }: RunOptions): Promise<void> {
  if (nc.isClosed()) return
  // Also where nothing is in hand: what is emitted now would be sent to who no longer listens, and wait there. Without it
  // the worst is that a message waits for its time to be acknowledged.
  await forgetUnheard(nc, stream).catch((error: unknown) => log.debug({ err: error, stream }, "hand back"))
  for (const msg of msgs) msg.nak()
}

function turns(): () => Turn {
  let last = Promise.resolve()
  return () => {
    const mine = last
    const { promise, resolve } = Promise.withResolvers<void>()
    last = promise
    return { mine, next: resolve }
  }
}
