import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream"
import type {
  Consumer,
  ConsumerConfig,
  ConsumerInfo,
  JetStreamManager,
  StreamConfig,
} from "@nats-io/jetstream"
import { STREAMS, subjects } from "@boocontrol/shared/subjects"
import type { StreamName } from "@boocontrol/shared/subjects"
import type { Log } from "./log.ts"
import type { NatsConnection } from "./nats.ts"

export interface StreamLimits {
  maxBytes: number
  maxAgeMs: number
}
export type StreamSettings = Readonly<Record<StreamName, StreamLimits>>

/** Durable of every hub: they share it, each message goes to one of them. */
export const DURABLE = "boo-hub"

export interface ConsumerLimits {
  /** A message that was handed out is given to another hub after this, unless it says that it is being worked on. */
  ackWaitMs: number
  /** Handed out and not yet stored, over all hubs. It bounds what one hub holds in memory. */
  maxAckPending: number
}

export const CONSUMER_LIMITS: ConsumerLimits = { ackWaitMs: 15_000, maxAckPending: 768 }

// A resend within this is recognised by its Nats-Msg-Id; an older one by its key in Postgres. Longer windows cost
// the server memory for every id.
const DUPLICATE_WINDOW_MS = 5 * 60_000

export const STREAM_NAMES = Object.keys(STREAMS) as StreamName[]

/** Creates both streams or brings their limits up to date. */
export async function ensureStreams(nc: NatsConnection, settings: StreamSettings, log: Log): Promise<void> {
  const manager = await jetstreamManager(nc)
  for (const name of STREAM_NAMES) await ensureStream(manager, name, { limits: settings[name], log })
}

interface Wanted {
  limits: StreamLimits
  log: Log
}

async function ensureStream(
  manager: JetStreamManager,
  name: StreamName,
  { limits, log }: Wanted,
): Promise<void> {
  const exists = await found(manager.streams.info(name))
  // A server with less disk than wanted refuses the stream: smaller is better than none.
  for (let maxBytes = limits.maxBytes; ; maxBytes = Math.floor(maxBytes / 2)) {
    const config = streamConfig(name, { ...limits, maxBytes })
    try {
      if (exists) await manager.streams.update(name, config)
      else await manager.streams.add(config)
      if (maxBytes < limits.maxBytes)
        log.warn({ stream: name, maxBytes, wanted: limits.maxBytes }, "less room on NATS than wanted")
      return
    } catch (error) {
      if (!isOutOfStorage(error) || maxBytes < 2 * SMALLEST_STREAM_BYTES) throw error
    }
  }
}

const SMALLEST_STREAM_BYTES = 4 * 1024 * 1024

function streamConfig(
  name: StreamName,
  { maxBytes, maxAgeMs }: StreamLimits,
): Partial<StreamConfig> & { name: string } {
  return {
    name,
    subjects: STREAMS[name].map((kind) => subjects.eventsOfKind(kind)),
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    // A full stream refuses: the message stays in the sidecar's spool. Discarding old ones would lose what no hub has read.
    discard: DiscardPolicy.New,
    max_bytes: maxBytes,
    max_age: nanos(maxAgeMs),
    duplicate_window: nanos(Math.min(DUPLICATE_WINDOW_MS, maxAgeMs)),
  }
}

export interface OpenedConsumer {
  consumer: Consumer
  gone: Gone
}

/** A part of a stream: its first and its last sequence. */
export interface Stretch {
  from: number
  to: number
}

/** What is no longer in a stream; null: none. */
export interface Gone {
  /** Left it before any hub read it. */
  unread: Stretch | null
  /** Handed out, and NATS does not know that all of it was acknowledged. Some may have been, above the floor. */
  unsure: Stretch | null
}

/**
 * What a durable says of messages that are gone. Of those that were handed out it says little: a nats-server that sees
 * a message go (2.9.10, `decStreamPending`) takes it for acknowledged. Only what aged out while the server itself was
 * away is still above the floor afterwards, and by then it has forgotten which of these waited to be acknowledged.
 */
export function goneBelow(
  firstSeq: number,
  { delivered, ack_floor }: Pick<ConsumerInfo, "delivered" | "ack_floor">,
): Gone {
  const read = delivered.stream_seq
  return {
    unread: stretch(read + 1, firstSeq - 1),
    unsure: stretch(ack_floor.stream_seq + 1, Math.min(read, firstSeq - 1)),
  }
}

function stretch(from: number, to: number): Stretch | null {
  return from <= to ? { from, to } : null
}

/** The shared durable of a stream, created where it is missing. */
export async function openConsumer(
  nc: NatsConnection,
  stream: StreamName,
  limits: ConsumerLimits = CONSUMER_LIMITS,
): Promise<OpenedConsumer> {
  const manager = await jetstreamManager(nc)
  const existing = await found(manager.consumers.info(stream, DURABLE))
  if (existing === null) await manager.consumers.add(stream, consumerConfig(limits))
  else await manager.consumers.update(stream, DURABLE, consumerConfig(limits))
  const { state } = await manager.streams.info(stream)
  const gone = existing === null ? { unread: null, unsure: null } : goneBelow(state.first_seq, existing)
  return { consumer: await jetstream(nc).consumers.get(stream, DURABLE), gone }
}

const LOOK_WITHIN_MS = 2_000

/**
 * Makes the server drop what a reader asked of the durable and no longer listens to. To be called before messages are
 * handed back: otherwise nats-server (2.9.10, `loopAndGatherMsgs`) takes the first of them out of its queue for that
 * request, finds nobody, and forgets the message until its time to be acknowledged is over. Asking for the state of a
 * durable is what makes it look.
 */
export async function forgetUnheard(nc: NatsConnection, stream: StreamName): Promise<void> {
  // Who stops does not wait long for a NATS that is away.
  const manager = await jetstreamManager(nc, { timeout: LOOK_WITHIN_MS, checkAPI: false })
  await manager.consumers.info(stream, DURABLE)
}

/** What a stream holds, and up to where its durable has acknowledged everything. */
export async function usageOf(
  nc: NatsConnection,
  stream: StreamName,
): Promise<{ bytes: number; maxBytes: number; messages: number; firstSeq: number; ackFloor: number }> {
  const manager = await jetstreamManager(nc)
  const { state, config } = await manager.streams.info(stream)
  const { ack_floor } = await manager.consumers.info(stream, DURABLE)
  return {
    bytes: state.bytes,
    maxBytes: config.max_bytes,
    messages: state.messages,
    firstSeq: state.first_seq,
    ackFloor: ack_floor.stream_seq,
  }
}

// A server takes some ten thousand in a second. More at once are no faster, and what the hub is asked meanwhile waits.
const REMOVED_AT_ONCE = 16

/**
 * Takes a part of a stream out of it, the oldest first; resolves to how many messages these were. One by one: at a purge
 * nats-server (2.9.10, `consumer.purge`) forgets everything that its durables have handed out, beyond the purged part
 * too. None of that would come again when it is given back, or when the hub that has it dies.
 */
export async function removeMessages(
  nc: NatsConnection,
  stream: StreamName,
  { from, to }: Stretch,
): Promise<number> {
  const manager = await jetstreamManager(nc)
  let next = from
  let removed = 0
  const lane = async (): Promise<void> => {
    while (next <= to) if (await removeMessage(manager, stream, next++)) removed += 1
  }
  await Promise.all(Array.from({ length: REMOVED_AT_ONCE }, lane))
  return removed
}

async function removeMessage(manager: JetStreamManager, stream: StreamName, seq: number): Promise<boolean> {
  try {
    // It need not be overwritten first.
    return await manager.streams.deleteMessage(stream, seq, false)
  } catch (error) {
    // Gone already: it aged, or another hub makes room too.
    if (error instanceof JetStreamApiError) return false
    throw error
  }
}

function consumerConfig({ ackWaitMs, maxAckPending }: ConsumerLimits): Partial<ConsumerConfig> {
  return {
    durable_name: DURABLE,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: maxAckPending,
    max_deliver: -1,
  }
}

async function found<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof JetStreamApiError && error.status === 404) return null
    throw error
  }
}

// Error codes of the JetStream API: insufficient storage resources, and no resources in a cluster.
const OUT_OF_STORAGE = new Set([10_047, 10_023])

function isOutOfStorage(error: unknown): boolean {
  return error instanceof JetStreamApiError && OUT_OF_STORAGE.has(error.code)
}

function nanos(ms: number): number {
  return ms * 1_000_000
}
