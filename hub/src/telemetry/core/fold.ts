import type { Envelope } from "@boocontrol/shared/envelope"
import type { BootId, HostId } from "@boocontrol/shared/ids"
import type { PerfSample } from "@boocontrol/shared/telemetry"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"

/** A sample with where it comes from: `boot` and `seq` name the message that brought it. `atMs` is its `ts`. */
export type IncomingSample = Required<PerfSample> & {
  provider_id: HostId
  atMs: number
  boot: BootId
  seq: number
}

export function samplesOf(envelopes: readonly Envelope<"perf">[]): IncomingSample[] {
  return envelopes.flatMap(({ host, boot, seq, data }) =>
    data.samples.map((sample) => ({
      ...sample,
      backfilled: sample.backfilled ?? false,
      provider_id: host,
      atMs: epochMsOf(sample.ts),
      boot,
      seq: seq ?? 0,
    })),
  )
}

export function sampleKey({ provider_id, ts }: { provider_id: HostId; ts: Instant }): string {
  return `${provider_id} ${ts}`
}

/** By host, then time: the order of the table's key. */
export function bySampleKey(a: IncomingSample, b: IncomingSample): number {
  if (a.provider_id !== b.provider_id) return a.provider_id < b.provider_id ? -1 : 1
  return a.ts === b.ts ? 0 : a.ts < b.ts ? -1 : 1
}

/** One millisecond on: another sample of that very time was there first. */
export function nudged(sample: IncomingSample): IncomingSample {
  const atMs = sample.atMs + 1
  return { ...sample, atMs, ts: instantOf(atMs) }
}

/** The first sample of each time, and those that must wait for them. */
export function firstOfEachTime(samples: readonly IncomingSample[]): {
  first: IncomingSample[]
  others: IncomingSample[]
} {
  const first = new Map<string, IncomingSample>()
  const others: IncomingSample[] = []
  for (const sample of samples) {
    const key = sampleKey(sample)
    if (first.has(key)) others.push(sample)
    else first.set(key, sample)
  }
  return { first: [...first.values()], others }
}
