import { ENVELOPE_VERSION, messageIdOf } from "@boocontrol/shared/envelope"
import type { EventData } from "@boocontrol/shared/envelope"
import type { BootId, HostId, InstanceId } from "@boocontrol/shared/ids"
import { STREAMS, inboxPrefixOf, subjects } from "@boocontrol/shared/subjects"
import type { EventKind, StreamName } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import { reasonOf } from "../platform/log.ts"
import type { Log } from "../platform/log.ts"
import type { NatsLink } from "../platform/nats.ts"
import { laneOf } from "../spool/lanes.ts"
import type { Spool, SpoolLoss, SpoolRecord } from "../spool/ports.ts"
import { createLane } from "./lane.ts"
import type { Lane } from "./lane.ts"
import { distinctTimes } from "./note-times.ts"
import type { CoreKind, DurableKind, Publisher } from "./ports.ts"
import { readPubAck } from "./pub-ack.ts"
import { jsonParts } from "./split.ts"

export interface PublisherOptions {
  host: HostId
  instance: InstanceId
  boot: BootId
  clock: Clock
  log: Log
  link: NatsLink
  spool: Spool
  /** Something that presence says of the spool has changed. */
  onSpoolProblem(): void
}

export interface RunningPublisher extends Publisher {
  /** Finds what earlier lives left to be sent. */
  start(): void
  /** Lets everything out: what waits, and what comes. */
  open(): void
  close(): void
  /** Says that this host is there, also while the rest is held back. */
  announce(data: EventData["presence"]): void
  /** Waits until all that is kept is stored, or the signal is aborted. */
  drained(signal: AbortSignal): Promise<void>
  /** Keeps what is not stored for the next life. */
  stop(): Promise<void>
}

// What is lost together is told together. A spool that overflows for weeks must not fill up with notes that say so.
const TELL_LOSSES_AFTER_MS = 1_000
const TELL_LOSSES_EVERY_MS = 60_000

const encoder = new TextEncoder()

export function createPublisher(options: PublisherOptions): RunningPublisher {
  const { host, instance, boot, clock, log, link, spool } = options
  // The boot in it keeps the answers to an earlier process out.
  const ackPrefix = `${inboxPrefixOf(host)}.${boot}`
  const envelopeHead = `{"v":${ENVELOPE_VERSION},"host":"${host}","instance":"${instance}","boot":"${boot}"`
  const subjectOf = new Map<EventKind, string>()
  const distinct = distinctTimes()
  let seq = 0
  let isOpen = false
  // Until then nobody knows what is left to be sent.
  let isReady = false

  function eventSubject(kind: EventKind): string {
    const known = subjectOf.get(kind)
    if (known !== undefined) return known
    const subject = subjects.event(host, kind)
    subjectOf.set(kind, subject)
    return subject
  }

  // Built as text: the data is text already when its size is known, and a second stringify is most of the work.
  function envelope(
    kind: EventKind,
    ofSeq: number | null,
    json: string,
  ): { atMs: number; payload: Uint8Array } {
    const atMs = clock.now()
    const text = `${envelopeHead},"seq":${ofSeq},"at":"${instantOf(atMs)}","kind":"${kind}","data":${json}}`
    return { atMs, payload: encoder.encode(text) }
  }

  function laneFor(stream: StreamName): Lane {
    return createLane({
      stream,
      spool,
      clock,
      log,
      send: ({ kind, payload, ...made }, token) =>
        link.publish(eventSubject(kind), payload, {
          messageId: messageIdOf({ host, boot: made.boot, seq: made.seq }),
          reply: `${ackPrefix}.${stream}.${token}`,
        }),
    })
  }

  const lanes: Record<StreamName, Lane> = { BOO_EVENTS: laneFor("BOO_EVENTS"), BOO_PERF: laneFor("BOO_PERF") }

  link.subscribe(`${ackPrefix}.>`, (message) => {
    const [stream, ...token] = message.subject.slice(ackPrefix.length + 1).split(".")
    if (stream === undefined || !isStream(stream)) return
    lanes[stream].answered(token.join("."), readPubAck(message.status, message.text()))
  })

  function openLanes(): void {
    if (isOpen && isReady) for (const lane of Object.values(lanes)) lane.open()
  }

  let cancelTelling: (() => void) | null = null
  function lossHappened(): void {
    cancelTelling ??= clock.setTimeout(tellLosses, TELL_LOSSES_AFTER_MS)
  }

  function tellLosses(): void {
    cancelTelling?.()
    cancelTelling = null
    const losses = spool.takeLosses()
    if (losses.length === 0) return
    cancelTelling = clock.setTimeout(tellLosses, TELL_LOSSES_EVERY_MS)
    for (const loss of losses) {
      log.warn(`gave up ${loss.count} messages that could not be kept: ${loss.reason}`)
      // Told when the note is safe; else after the next start.
      durable("note", noteOf(loss, clock.now())).then(
        () => spool.told(loss),
        () => undefined,
      )
    }
  }

  async function durable(kind: DurableKind, data: EventData[DurableKind]): Promise<void> {
    const parts = jsonParts(kind, "note" in data ? distinct(data) : data)
    if (parts.length === 0)
      throw new Error(`a ${kind} message is too large to be sent, whatever is cut from it`)
    const kept = parts.map((json) => {
      seq += 1
      const message = { lane: laneOf(kind), kind, boot, seq, inOrder: isSupplement(data) }
      return spool.append({ ...message, ...envelope(kind, seq, json) })
    })
    await Promise.all(kept)
  }

  function publishCore(kind: CoreKind, data: EventData[CoreKind]): void {
    for (const json of jsonParts(kind, data)) {
      try {
        link.publish(eventSubject(kind), envelope(kind, null, json).payload)
      } catch (error) {
        log.warn(`a ${kind} message cannot be sent: ${reasonOf(error)}`)
      }
    }
  }

  return {
    durable,
    core(kind, data) {
      if (isOpen) publishCore(kind, data)
    },
    start() {
      const onSendable = (record: SpoolRecord) => lanes[record.lane].appended(record)
      void spool.open({ onSendable, onLoss: lossHappened, onProblem: options.onSpoolProblem }).then(() => {
        isReady = true
        openLanes()
      })
    },
    announce: (data) => publishCore("presence", data),
    open() {
      isOpen = true
      openLanes()
    },
    close() {
      isOpen = false
      for (const lane of Object.values(lanes)) lane.close()
    },
    async drained(signal) {
      await Promise.all(Object.values(lanes).map((lane) => lane.drained(signal)))
    },
    async stop() {
      tellLosses()
      cancelTelling?.()
      await spool.close()
    },
  }
}

/** Says more of rows that were sent before: worth nothing until those are there. */
function isSupplement(data: EventData[DurableKind]): boolean {
  return "rows" in data && data.rows.length === 0
}

function noteOf(loss: SpoolLoss, nowMs: number): EventData["note"] {
  const { reason, count, byKind, seqs } = loss
  const momentOf = (ms: number) => (Number.isFinite(ms) ? instantOf(ms) : null)
  const span = { from: momentOf(loss.fromMs), to: momentOf(loss.toMs) }
  const atMost = reason === "corrupt" ? { at_most: true } : {}
  return {
    note: "spool_dropped",
    ts: instantOf(nowMs),
    detail: { reason, count, ...atMost, by_kind: byKind, ...span, seqs },
  }
}

function isStream(name: string): name is StreamName {
  return Object.hasOwn(STREAMS, name)
}
