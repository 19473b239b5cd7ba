import { parseEnvelope } from "@boocontrol/shared/envelope"
import type { Envelope } from "@boocontrol/shared/envelope"
import { isUnstorable, storable } from "@boocontrol/shared/storable"
import { isDurable, parseEventSubject } from "@boocontrol/shared/subjects"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { unreachable } from "@boocontrol/shared/unreachable"
import type { DurableKind, Rejected } from "./ports.ts"

/** A message of a stream: an event to store, or why it is none. `aside`: why not all that it tells of is stored. */
export type Reading =
  { ok: true; envelope: Envelope<DurableKind>; aside: Rejected | null } | ({ ok: false } & Rejected)

export function readMessage(subject: string, text: string, nowMs: number): Reading {
  const address = parseEventSubject(subject)
  if (address === null) {
    const problem = "the subject is not boo.v1.evt.<host>.<kind>"
    return { ok: false, host: null, kind: null, reason: "subject", problem }
  }
  const parsed = parseEnvelope(text, address)
  if (!parsed.ok) return { ok: false, ...address, reason: parsed.reason, problem: parsed.problem }
  const { envelope } = parsed
  if (!isStored(envelope)) {
    return { ok: false, ...address, reason: "subject", problem: `a ${envelope.kind} is not stored` }
  }
  const { past, ahead } = sorted(envelope, nowMs)
  const [furthest] = ahead.sort().reverse()
  const aside =
    furthest === undefined
      ? null
      : { ...address, reason: "future" as const, problem: farAhead(furthest, nowMs) }
  if (past === null && aside !== null) return { ok: false, ...aside }
  const kept = past ?? envelope
  return { ok: true, envelope: isUnstorable(text) ? storable(kept) : kept, aside }
}

// Clocks are off by hours, and what they date is stored as they say. A time much further ahead would be the newest for
// as long as it lies ahead, and outlive every window.
const MOST_AHEAD_MS = 24 * 3_600_000

function farAhead(ts: Instant, nowMs: number): string {
  return `it tells of ${ts}, which is more than a day ahead of the hub's clock (${instantOf(nowMs)})`
}

interface Sorted {
  /** The event without what is too far ahead; null where nothing is left of it. */
  past: Envelope<DurableKind> | null
  /** The times that are. */
  ahead: Instant[]
}

/** Rows of one message may be from before and after a clock was put right: only those too far ahead stay out. */
function sorted(envelope: Envelope<DurableKind>, nowMs: number): Sorted {
  const latestMs = nowMs + MOST_AHEAD_MS
  const latest = instantOf(latestMs)
  // A time that is none in the calendar is left to Postgres to refuse.
  const isAhead = (ts: Instant): boolean => ts > latest && epochMsOf(ts) > latestMs
  switch (envelope.kind) {
    case "note": {
      const { ts } = envelope.data
      return isAhead(ts) ? { past: null, ahead: [ts] } : { past: envelope, ahead: [] }
    }
    case "perf": {
      const { samples } = envelope.data
      const ahead = samples.flatMap(({ ts }) => (isAhead(ts) ? ts : []))
      if (ahead.length === 0) return { past: envelope, ahead }
      const rest = samples.filter(({ ts }) => !isAhead(ts))
      return { past: rest.length === 0 ? null : { ...envelope, data: { samples: rest } }, ahead }
    }
    case "activity": {
      const { rows, enrichments = [] } = envelope.data
      const ahead = [...rows, ...enrichments].flatMap(({ ts }) => (isAhead(ts) ? ts : []))
      if (ahead.length === 0) return { past: envelope, ahead }
      const data = {
        rows: rows.filter(({ ts }) => !isAhead(ts)),
        enrichments: enrichments.filter(({ ts }) => !isAhead(ts)),
      }
      const isEmpty = data.rows.length + data.enrichments.length === 0
      return { past: isEmpty ? null : { ...envelope, data }, ahead }
    }
    case "models": {
      const { transitions } = envelope.data
      const ahead = transitions.flatMap(({ at }) => (isAhead(at) ? at : []))
      if (ahead.length === 0) return { past: envelope, ahead }
      const rest = transitions.filter(({ at }) => !isAhead(at))
      return { past: { ...envelope, data: { ...envelope.data, transitions: rest } }, ahead }
    }
    case "result":
      return { past: envelope, ahead: [] }
    default:
      return unreachable(envelope)
  }
}

function isStored(envelope: Envelope): envelope is Envelope<DurableKind> {
  return isDurable(envelope.kind)
}

/** How long to wait before the n-th new try (from 1): doubling from 100 ms up to 5 s. */
export function retryDelayMs(attempt: number): number {
  return Math.min(100 * 2 ** (attempt - 1), 5_000)
}

// With the delays below that is a minute: longer than any hub holds a batch it was killed with.
const MAX_DELIVERIES = 12

/** What becomes of a message that adds to a row which is not there: after how long it comes again, null for no more. */
export function redeliveryDelayMs(deliveries: number): number | null {
  return deliveries < MAX_DELIVERIES ? Math.min(250 * 2 ** (deliveries - 1), 10_000) : null
}

/** Sequences that were given back to NATS unstored. */
export interface GivenBack {
  /** In the stream, for this hub or another one to store. */
  readonly waiting: readonly number[]
  /** No longer in the stream, and nobody was seen to store them. */
  readonly gone: readonly number[]
}

export const NONE_GIVEN_BACK: GivenBack = { waiting: [], gone: [] }

/**
 * What has become of them. NATS takes a message that is gone for acknowledged, so it is only while a message is there
 * that its acknowledgement says anything: another hub has stored it.
 */
export function lookAfter(
  { waiting, gone }: GivenBack,
  { firstSeq, ackFloor }: Pick<StreamUsage, "firstSeq" | "ackFloor">,
): GivenBack {
  return {
    waiting: waiting.filter((seq) => seq >= firstSeq && seq > ackFloor),
    gone: [...gone, ...waiting.filter((seq) => seq < firstSeq)],
  }
}

/** What a stream holds, and up to where all of it is in Postgres. */
export interface StreamUsage {
  bytes: number
  /** Where it refuses new messages. -1 or 0: nowhere. */
  maxBytes: number
  messages: number
  firstSeq: number
  /** Every message up to here was acknowledged, and so is stored. */
  ackFloor: number
}

/**
 * The sequence below which messages may go so that at most half of the stream is in use; null where it is not needed or
 * nothing of it is stored. What is not stored never goes, however full the stream is. What is kept of the stored is the
 * newest: other tools read it, and a hub with a new database is filled from it.
 */
export function storedEnough({ bytes, maxBytes, messages, firstSeq, ackFloor }: StreamUsage): number | null {
  if (maxBytes <= 0 || bytes <= maxBytes / 2 || messages === 0) return null
  const tooMany = Math.ceil(messages * (1 - maxBytes / 2 / bytes))
  const below = Math.min(firstSeq + tooMany, ackFloor + 1)
  return below > firstSeq ? below : null
}
