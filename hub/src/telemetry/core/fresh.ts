import type { HostId } from "@boocontrol/shared/ids"
import { epochMsOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { addBucket, addSample, bucketOfSample } from "./aggregate.ts"
import type { Bucket } from "./aggregate.ts"
import type { SampledAt } from "./coverage.ts"
import type { IncomingSample } from "./fold.ts"
import { ROLLUPS, bucketOf } from "./tiers.ts"

export interface FreshBucket {
  bucket: Bucket
  /** Of its samples, oldest first. */
  times: readonly SampledAt[]
}

/**
 * Buckets of the finest tier, summed up as their samples are stored, so that these need not be read again. Nothing here
 * is needed: a bucket of which not every sample is known, because another hub stored it, it came out of order, or room
 * was short, is read from the table.
 */
export interface FreshBuckets {
  /** Samples that have just been committed. */
  add(samples: readonly IncomingSample[]): void
  /** A bucket of which exactly so many samples are stored, if all of them are known. It is forgotten either way. */
  take(host: HostId, startMs: number, stored: number): FreshBucket | null
}

interface Growing {
  bucket: Bucket
  times: SampledAt[]
  last: Instant
}

/** At most `limit` buckets at a time. */
export function freshBuckets({ widthMs, limit }: { widthMs: number; limit: number }): FreshBuckets {
  const growing = new Map<string, Growing>()

  const addOne = (sample: IncomingSample): void => {
    const key = keyOf(sample.provider_id, bucketOf(sample.atMs, widthMs))
    const time = { ts: sample.ts, source: sample.source }
    const known = growing.get(key)
    if (known === undefined) {
      growing.set(key, { bucket: bucketOfSample(sample), times: [time], last: sample.ts })
    } else if (sample.ts > known.last) {
      addSample(known.bucket, sample)
      known.times.push(time)
      known.last = sample.ts
    } else {
      // What comes out of order cannot be added to a sum that ends with the last one.
      growing.delete(key)
    }
  }

  return {
    add(samples) {
      for (const sample of samples) addOne(sample)
      forgetOldest(growing, limit)
    },
    take(host, startMs, stored) {
      const key = keyOf(host, startMs)
      const known = growing.get(key)
      growing.delete(key)
      // Samples are only ever added to the table, and only then here: as many are the same ones.
      return known !== undefined && known.bucket.samples === stored ? known : null
    },
  }
}

/** A bucket with how many seconds of it samples speak for. */
export type Sum = Bucket & { seconds: number }

/**
 * Buckets of a coarser tier, summed up as those that they are made of are stored. As with samples, nothing here is
 * needed: what is not all known is read.
 */
export interface FreshSums {
  /** Buckets of the finer tier that have just been committed. They become part of what is kept here. */
  add(finer: readonly (Sum & { provider_id: HostId; bucket: Instant })[]): void
  /** A bucket of which exactly so many samples are stored in the finer tier, if all of them are known. */
  take(host: HostId, startMs: number, stored: number): Sum | null
}

/** `finerMs`: how wide the buckets are that it is made of. At most `limit` buckets at a time. */
export function freshSums(wanted: { widthMs: number; finerMs: number; limit: number }): FreshSums {
  const { widthMs, finerMs, limit } = wanted
  const growing = new Map<string, { sum: Sum; lastMs: number }>()
  return {
    add(finer) {
      for (const { provider_id, bucket, ...sum } of finer) {
        const atMs = epochMsOf(bucket)
        const key = keyOf(provider_id, bucketOf(atMs, widthMs))
        const known = growing.get(key)
        if (known === undefined) growing.set(key, { sum, lastMs: atMs })
        else if (atMs > known.lastMs) {
          addBucket(known.sum, sum)
          known.sum.seconds += sum.seconds
          known.lastMs = atMs
        } else {
          // Computed again: what it was before is part of the sum.
          growing.delete(key)
        }
      }
      forgetOldest(growing, limit)
    },
    take(host, startMs, stored) {
      const key = keyOf(host, startMs)
      const known = growing.get(key)
      const isAll = known?.sum.samples === stored
      // Before it ends it is computed several times.
      if (!isAll || known.lastMs >= startMs + widthMs - finerMs) growing.delete(key)
      return isAll ? known.sum : null
    },
  }
}

/** What a hub knows of the two finest tiers without reading what they are made of. */
export interface Fresh {
  samples: FreshBuckets
  sums: FreshSums
}

/** At most so many buckets of each. */
export function createFresh(limits: { samples: number; sums: number }): Fresh {
  const [finest, next] = ROLLUPS
  return {
    samples: freshBuckets({ widthMs: finest.widthMs, limit: limits.samples }),
    sums: freshSums({ widthMs: next.widthMs, finerMs: finest.widthMs, limit: limits.sums }),
  }
}

function forgetOldest(growing: Map<string, unknown>, limit: number): void {
  for (const key of growing.keys()) {
    if (growing.size <= limit) return
    growing.delete(key)
  }
}

function keyOf(host: HostId, startMs: number): string {
  return `${host} ${startMs}`
}
