import type { HostId } from "@boocontrol/shared/ids"
import { epochMsOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { addSample, bucketOfSample } from "./aggregate.ts"
import type { Bucket } from "./aggregate.ts"
import type { SampledAt } from "./coverage.ts"
import type { IncomingSample } from "./fold.ts"
import { bucketOf } from "./tiers.ts"

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
    const key = keyOf(sample.provider_id, bucketOf(epochMsOf(sample.ts), widthMs))
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

  const makeRoom = (): void => {
    for (const key of growing.keys()) {
      if (growing.size <= limit) return
      growing.delete(key)
    }
  }

  return {
    add(samples) {
      for (const sample of samples) addOne(sample)
      makeRoom()
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

function keyOf(host: HostId, startMs: number): string {
  return `${host} ${startMs}`
}
