import * as z from "zod/mini"
import { ActivityData, InflightData } from "./activity.ts"
import { exactly } from "./exact.ts"
import { PresenceData } from "./hosts.ts"
import { BootId, HostId, InstanceId } from "./ids.ts"
import { LogData } from "./logs.ts"
import { ModelsData } from "./models.ts"
import { NoteData } from "./notes.ts"
import { isDurable } from "./subjects.ts"
import type { EventKind } from "./subjects.ts"
import { LiveData, PerfData } from "./telemetry.ts"
import { Instant } from "./time.ts"

export const ENVELOPE_VERSION = 1

/** No message on NATS is larger: batches are split, lines cut, captures trimmed at the source. */
export const MAX_MESSAGE_BYTES = 512 * 1024

/** Data of `.result`: how a command ended, by its id. */
export const ResultData = z.object({
  id: z.string(),
  ok: z.boolean(),
  error: z.optional(z.object({ code: z.string(), message: z.string() })),
  data: z.optional(z.unknown()),
})
export type ResultData = z.infer<typeof ResultData>

/** Schema of `data` by kind. */
export const EVENT_DATA = {
  presence: PresenceData,
  models: ModelsData,
  activity: ActivityData,
  note: NoteData,
  result: ResultData,
  perf: PerfData,
  live: LiveData,
  inflight: InflightData,
  log: LogData,
} as const satisfies Record<EventKind, z.ZodMiniType>
export type EventData = { [K in EventKind]: z.infer<(typeof EVENT_DATA)[K]> }

/**
 * Envelope of everything a host emits. `seq` rises by one per durable message within a `boot`, over both streams
 * together; core messages carry null. `at` is when it was emitted.
 */
export const EnvelopeHead = z.object({
  v: z.literal(ENVELOPE_VERSION),
  host: HostId,
  instance: InstanceId,
  boot: BootId,
  seq: z.nullable(z.int().check(z.positive())),
  at: Instant,
  kind: z.string(),
})
export type EnvelopeHead = z.infer<typeof EnvelopeHead>

export type Envelope<K extends EventKind = EventKind> = {
  [P in K]: Omit<EnvelopeHead, "kind"> & { kind: P; data: EventData[P] }
}[K]

export type EnvelopeParse =
  | { ok: true; envelope: Envelope }
  | { ok: false; reason: "too-large" | "not-json" | "version" | "shape" | "identity"; problem: string }

const Versioned = z.object({ v: z.unknown() })

/**
 * Reads one message of an event subject. Refuses: text that is larger than a message may be or no JSON, a version this build does not
 * know, a shape that does not fit, and an envelope whose host or kind is not its subject's.
 */
export function parseEnvelope(text: string, subject: { host: HostId; kind: EventKind }): EnvelopeParse {
  // A character is a byte at least.
  if (text.length > MAX_MESSAGE_BYTES) {
    const problem = `the message is larger than ${MAX_MESSAGE_BYTES / 1024} KiB`
    return { ok: false, reason: "too-large", problem }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, reason: "not-json", problem: "the message is not JSON" }
  }
  const read = shapeOf(value, subject.kind)
  if (!read.ok) return read
  const { envelope } = read
  if (envelope.host !== subject.host) {
    const problem = `the envelope says host ${envelope.host}, the subject ${subject.host}`
    return { ok: false, reason: "identity", problem }
  }
  if ((envelope.seq === null) === isDurable(envelope.kind)) {
    const problem = isDurable(envelope.kind) ? "a durable message without seq" : "a core message with a seq"
    return { ok: false, reason: "shape", problem }
  }
  return { ok: true, envelope }
}

const looks = new Map<EventKind, (value: unknown) => boolean>()

/** Most messages are exactly as their schema says, and that is seen quickly; any other the schema takes apart. */
function shapeOf(value: unknown, kind: EventKind): EnvelopeParse {
  const isExact = looks.get(kind) ?? exactly(ENVELOPES[kind])
  looks.set(kind, isExact)
  if (isExact(value)) return { ok: true, envelope: value as Envelope }
  const versioned = Versioned.safeParse(value)
  if (!versioned.success || versioned.data.v !== ENVELOPE_VERSION) {
    const version = versioned.success ? JSON.stringify(versioned.data.v) : "none"
    return { ok: false, reason: "version", problem: `envelope version ${version} is not ${ENVELOPE_VERSION}` }
  }
  const parsed = ENVELOPES[kind].safeParse(value)
  if (!parsed.success) return { ok: false, reason: "shape", problem: firstProblem(parsed.error) }
  // The lookup by kind loses the link between the kind and its data that ENVELOPES itself guarantees.
  return { ok: true, envelope: parsed.data as Envelope }
}

function envelopeOf<K extends EventKind>(kind: K) {
  return z.extend(EnvelopeHead, { kind: z.literal(kind), data: EVENT_DATA[kind] })
}

/** Full schema of every kind, from which AsyncAPI is generated. */
export const ENVELOPES = {
  presence: envelopeOf("presence"),
  models: envelopeOf("models"),
  activity: envelopeOf("activity"),
  note: envelopeOf("note"),
  result: envelopeOf("result"),
  perf: envelopeOf("perf"),
  live: envelopeOf("live"),
  inflight: envelopeOf("inflight"),
  log: envelopeOf("log"),
} as const

/** `data.samples[0].ts: Invalid input` of a zod error: the first issue, with where it is. */
export function firstProblem(error: z.core.$ZodError): string {
  const issue = error.issues[0]
  if (!issue) return "invalid"
  const path = issue.path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
  return path ? `${path.replace(/^\./, "")}: ${issue.message}` : issue.message
}

/** The `Nats-Msg-Id` of a durable message: the same for every resend of it. */
export function messageIdOf(head: { host: HostId; boot: BootId; seq: number }): string {
  return `${head.host}.${head.boot}.${head.seq}`
}
