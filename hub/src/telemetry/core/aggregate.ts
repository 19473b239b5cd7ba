import { Aggregate } from "@boocontrol/shared/telemetry"
import type { GpuSample, SysSample } from "@boocontrol/shared/telemetry"
import * as z from "zod/mini"

/** Readings of a GPU and of the machine that are aggregated: everything that is a number and changes. */
export const GPU_METRICS = [
  "util_pct",
  "mem_busy_pct",
  "mem_used_mib",
  "mem_total_mib",
  "temp_c",
  "mem_temp_c",
  "power_w",
  "power_limit_w",
  "clock_sm_mhz",
  "clock_mem_mhz",
  "fan_pct",
] as const satisfies readonly (keyof GpuSample)[]
export const SYS_METRICS = [
  "cpu_pct",
  "load_1",
  "mem_used_mib",
  "mem_total_mib",
  "swap_used_mib",
  "swap_total_mib",
  "disk_used_mib",
  "disk_total_mib",
  "net_rx_bytes_per_s",
  "net_tx_bytes_per_s",
] as const satisfies readonly (keyof SysSample)[]

/** By metric; one that was never read is absent. */
const Metrics = z.record(z.string(), Aggregate)
export type Metrics = z.infer<typeof Metrics>

const GpuAggregate = z.object({
  index: z.int(),
  uuid: z.nullable(z.string()),
  name: z.nullable(z.string()),
  metrics: Metrics,
})
export type GpuAggregate = z.infer<typeof GpuAggregate>

/** What is known of one host over a stretch of time: a sample, or any number of them together. */
export const Bucket = z.object({
  samples: z.int(),
  backfilled: z.int(),
  /** By uuid, or by `index-N` where a GPU has none. Null: no sample had GPU readings. */
  gpu_agg: z.nullable(z.record(z.string(), GpuAggregate)),
  sys_agg: z.nullable(Metrics),
})
export type Bucket = z.infer<typeof Bucket>

const Named = z.looseObject({ index: z.int(), uuid: z.nullable(z.string()), name: z.nullable(z.string()) })
/** A stored sample. Its readings are looked at one by one: parsing thousands of whole samples costs too long. */
export const StoredSample = z.object({
  gpu: z.nullable(z.array(Named)),
  sys: z.nullable(z.record(z.string(), z.unknown())),
  backfilled: z.boolean(),
})
export type StoredSample = z.infer<typeof StoredSample>
/** A sample as it is stored, or as it came. */
export type Sampled = Omit<StoredSample, "backfilled"> & { backfilled?: boolean | undefined }

export function bucketOfSample({ gpu, sys, backfilled }: Sampled): Bucket {
  return {
    samples: 1,
    backfilled: backfilled === true ? 1 : 0,
    gpu_agg: gpu && Object.fromEntries(gpu.map((one) => [gpuKey(one), gpuOf(one)] as const)),
    sys_agg: sys && metricsOf(sys, SYS_METRICS),
  }
}

/**
 * Adds a newer sample to a bucket in place. It becomes what `mergeBuckets` makes of both, without an object for every
 * reading: this is done for each sample that is stored.
 */
export function addSample(bucket: Bucket, { gpu, sys, backfilled }: Sampled): void {
  bucket.samples += 1
  if (backfilled === true) bucket.backfilled += 1
  if (sys) bucket.sys_agg = addReadings(bucket.sys_agg, sys, SYS_METRICS)
  if (!gpu) return
  const gpus = (bucket.gpu_agg ??= {})
  const keys = gpu.map(gpuKey)
  for (const [place, one] of gpu.entries()) {
    const key = gpuKey(one)
    // Two of one name: the later one counts, as it does in a bucket of one sample.
    if (keys.includes(key, place + 1)) continue
    const known = gpus[key]
    if (known === undefined) gpus[key] = gpuOf(one)
    else {
      known.metrics = addReadings(known.metrics, one, GPU_METRICS)
      known.index = one.index
      known.uuid = one.uuid
      known.name = one.name
    }
  }
}

function addReadings(
  metrics: Metrics | null,
  readings: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Metrics {
  if (metrics === null) return metricsOf(readings, names)
  for (const name of names) {
    const value = readings[name]
    if (typeof value !== "number") continue
    const known = metrics[name]
    if (known === undefined) metrics[name] = aggregateOf(value)
    else {
      known.count += 1
      known.sum = sumOf(known.sum, value)
      known.min = Math.min(known.min, value)
      known.max = Math.max(known.max, value)
      known.last = value
    }
  }
  return metrics
}

function gpuKey({ uuid, index }: { uuid: string | null; index: number }): string {
  return uuid ?? `index-${index}`
}

function gpuOf(gpu: z.infer<typeof Named>): GpuAggregate {
  return { index: gpu.index, uuid: gpu.uuid, name: gpu.name, metrics: metricsOf(gpu, GPU_METRICS) }
}

function metricsOf(readings: Readonly<Record<string, unknown>>, names: readonly string[]): Metrics {
  const metrics: Metrics = {}
  for (const name of names) {
    const value = readings[name]
    if (typeof value === "number") metrics[name] = aggregateOf(value)
  }
  return metrics
}

function aggregateOf(value: number): Aggregate {
  return { count: 1, sum: value, min: value, max: value, last: value }
}

/** Several stretches as one, given oldest first. Null for none. */
export function mergeBuckets(buckets: readonly Bucket[]): Bucket | null {
  const [first, ...rest] = buckets
  return first ? rest.reduce(mergeTwo, first) : null
}

/** Adds a newer stretch to a bucket in place. It becomes what `mergeBuckets` makes of both; `newer` is part of it then. */
export function addBucket(bucket: Bucket, newer: Bucket): void {
  bucket.samples += newer.samples
  bucket.backfilled += newer.backfilled
  bucket.sys_agg = addMetrics(bucket.sys_agg, newer.sys_agg)
  const gpus = bucket.gpu_agg
  if (gpus === null) bucket.gpu_agg = newer.gpu_agg
  else
    for (const [key, one] of Object.entries(newer.gpu_agg ?? {})) {
      const known = gpus[key]
      gpus[key] =
        known === undefined ? one : { ...one, metrics: addMetrics(known.metrics, one.metrics) ?? {} }
    }
}

function addMetrics(older: Metrics | null, newer: Metrics | null): Metrics | null {
  if (older === null || newer === null) return older ?? newer
  for (const name in newer) {
    const [known, one] = [older[name], newer[name]]
    if (known === undefined) older[name] = one as Aggregate
    else if (one !== undefined) {
      known.count += one.count
      known.sum = sumOf(known.sum, one.sum)
      known.min = Math.min(known.min, one.min)
      known.max = Math.max(known.max, one.max)
      known.last = one.last
    }
  }
  return older
}

function mergeTwo(older: Bucket, newer: Bucket): Bucket {
  return {
    samples: older.samples + newer.samples,
    backfilled: older.backfilled + newer.backfilled,
    gpu_agg: mergeBy(older.gpu_agg, newer.gpu_agg, mergeGpus),
    sys_agg: mergeBy(older.sys_agg, newer.sys_agg, mergeAggregates),
  }
}

function mergeBy<T>(
  older: Record<string, T> | null,
  newer: Record<string, T> | null,
  merge: (a: T, b: T) => T,
): Record<string, T> | null {
  if (older === null || newer === null) return older ?? newer
  const merged = { ...older }
  for (const [key, value] of Object.entries(newer)) {
    const known = merged[key]
    merged[key] = known === undefined ? value : merge(known, value)
  }
  return merged
}

function mergeGpus(older: GpuAggregate, newer: GpuAggregate): GpuAggregate {
  return { ...newer, metrics: mergeBy(older.metrics, newer.metrics, mergeAggregates) ?? {} }
}

export function mergeAggregates(older: Aggregate, newer: Aggregate): Aggregate {
  return {
    count: older.count + newer.count,
    sum: sumOf(older.sum, newer.sum),
    min: Math.min(older.min, newer.min),
    max: Math.max(older.max, newer.max),
    last: newer.last,
  }
}

// Readings have at most a few decimals. Rounding away what binary fractions add makes the sum the same in whatever
// groups it was built, so that a tier made of tiers equals one made of samples.
export function sumOf(a: number, b: number): number {
  return Math.round((a + b) * 1e6) / 1e6
}
