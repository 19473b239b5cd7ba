import type { Envelope } from "@boocontrol/shared/envelope"
import type { HostId } from "@boocontrol/shared/ids"
import type { DeadLetterReason } from "@boocontrol/shared/retention"
import type { EventKind, STREAMS, StreamName } from "@boocontrol/shared/subjects"

/** Kinds that are stored: what stands in a stream. */
export type DurableKind = (typeof STREAMS)[StreamName][number]

export interface Delivery {
  /** Some of these were handed out before, maybe to a hub that died between its commit and what follows it. */
  redelivered: boolean
}

/**
 * Stores envelopes in one go, all or none, and resolves after the commit. The same envelope may come again, at any
 * time and in any order: that must change nothing. `notYet` holds the indexes of envelopes that need something
 * another message brings: they are delivered again later.
 *
 * Throws what Postgres or the connection threw. A failure that is about the data makes the batch smaller until the
 * message at fault stands alone; that one becomes a dead letter. Any other is tried again for as long as it takes, and in
 * smaller parts where Postgres ended the statement because it took too long.
 */
export type Handler<K extends DurableKind> = (
  envelopes: readonly Envelope<K>[],
  delivery: Delivery,
) => Promise<void | { notYet: readonly number[] }>

/** Of every kind in the streams that are read; a message of any other kind becomes a dead letter. */
export type Handlers = { readonly [K in DurableKind]?: Handler<K> }

/** The registry. `ensureHost` is called before a host's messages are stored and must be cheap for one it knows. */
export interface HostsPort {
  ensureHost(host: HostId): Promise<void>
  /** A disabled host is not ingested: its messages are dropped. */
  isEnabled(host: HostId): boolean
}

export interface Rejected {
  /** Null where not even the subject is readable. */
  host: HostId | null
  kind: EventKind | null
  reason: RejectReason
  problem: string
}
export type OnRejected = (rejected: Rejected) => void

export type RejectReason = DeadLetterReason

/** What is no event of a host that this hub can read: refused by whoever reads it, live or from the stream. */
export const UNREADABLE: ReadonlySet<RejectReason> = new Set([
  "subject",
  "too-large",
  "not-json",
  "version",
  "shape",
  "identity",
])
