import { parseEnvelope } from "@boocontrol/shared/envelope"
import type { Envelope } from "@boocontrol/shared/envelope"
import { STREAMS, parseEventSubject } from "@boocontrol/shared/subjects"
import type { StreamName } from "@boocontrol/shared/subjects"
import { connect, jetstream, jetstreamManager } from "../../../test/services/clients.ts"
import type { Sample, SentMessage } from "./samples.ts"

const NAMES = Object.keys(STREAMS) as StreamName[]

export interface StreamContents {
  messages: SentMessage[]
  samples: Sample[]
  notes: { host: string; kind: string; tsMs: number }[]
  /** Messages that make no sense. */
  unreadable: number
}

/** Everything that stands in the streams: what the sidecars said, as NATS kept it. */
export async function readStreams(natsUrl: string): Promise<StreamContents> {
  const contents: StreamContents = { messages: [], samples: [], notes: [], unreadable: 0 }
  await eachMessage(natsUrl, (subject, text) => {
    const address = parseEventSubject(subject)
    const parsed = address && parseEnvelope(text, address)
    if (!parsed?.ok || parsed.envelope.seq === null) {
      contents.unreadable += 1
      return
    }
    const { envelope } = parsed
    contents.messages.push({ host: envelope.host, boot: envelope.boot, seq: parsed.envelope.seq ?? 0 })
    if (envelope.kind === "perf") contents.samples.push(...samplesOf(envelope))
    if (envelope.kind === "note") {
      const { note, ts } = envelope.data
      contents.notes.push({ host: envelope.host, kind: note, tsMs: Date.parse(ts) })
    }
  })
  return contents
}

/** Publishes what stands in the streams of one host again, without message ids. Gives how many. */
export async function republishStreams(natsUrl: string, host: string): Promise<number> {
  const found: { subject: string; text: string }[] = []
  await eachMessage(natsUrl, (subject, text) => {
    if (parseEventSubject(subject)?.host === host) found.push({ subject, text })
  })
  const nc = await connect({ servers: natsUrl })
  for (const { subject, text } of found) nc.publish(subject, text)
  await nc.flush()
  await nc.close()
  return found.length
}

/** Messages that no hub has acknowledged, of both streams. */
export async function unacknowledged(natsUrl: string, durable: string): Promise<number> {
  const nc = await connect({ servers: natsUrl })
  try {
    const manager = await jetstreamManager(nc)
    let sum = 0
    for (const name of NAMES) {
      const { num_pending, num_ack_pending } = await manager.consumers.info(name, durable)
      sum += num_pending + num_ack_pending
    }
    return sum
  } finally {
    await nc.close()
  }
}

async function eachMessage(natsUrl: string, take: (subject: string, text: string) => void): Promise<void> {
  const nc = await connect({ servers: natsUrl })
  try {
    const manager = await jetstreamManager(nc)
    for (const name of NAMES) {
      const { last_seq } = (await manager.streams.info(name)).state
      if (last_seq === 0) continue
      const consumer = await jetstream(nc).consumers.get(name)
      for await (const msg of await consumer.consume({ max_messages: 500 })) {
        take(msg.subject, msg.string())
        if (msg.info.pending === 0) break
      }
    }
  } finally {
    await nc.close()
  }
}

function samplesOf({ host, boot, seq, data }: Envelope<"perf">): Sample[] {
  return data.samples.map(({ ts, gpu, sys, source }) => ({
    ...{ host, boot, seq: seq ?? 0, source },
    tsMs: Date.parse(ts),
    readings: readingsOf(gpu, sys),
  }))
}

/** The same text for the same readings, in whatever order their keys come. */
export function readingsOf(gpu: unknown, sys: unknown): string {
  return JSON.stringify([gpu, sys], (_, value: unknown) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
