import type { Aggregate, PerfReply, SeriesPoint } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { GPU_METRICS, SYS_METRICS, mergeBuckets } from "./aggregate.ts"
import type { Bucket } from "./aggregate.ts"
import type { Covered, Span } from "./spans.ts"
import { bucketOf } from "./tiers.ts"

/** A stored sample or bucket with its time. */
export type Reading = Covered & { bucket: Bucket }

interface Slot {
  startMs: number
  /** The same as text: once for all points of a moment, of which there is one for each reading. */
  ts: Instant
  /** Null: nothing is known here. */
  bucket: Bucket | null
}

/**
 * Readings as series of at most one point per step. A step without readings has no point, unless it begins or ends
 * a missing span: there a null point breaks the line.
 */
export function seriesOf(
  readings: readonly Reading[],
  missing: readonly Span[],
  stepMs: number,
): Pick<PerfReply, "gpus" | "sys"> {
  const slots = slotsOf(readings, missing, stepMs)
  const gpus = new Map<string, { index: number; uuid: string | null; name: string | null }>()
  for (const { bucket } of slots) {
    for (const [key, { index, uuid, name }] of Object.entries(bucket?.gpu_agg ?? {}))
      gpus.set(key, { index, uuid, name })
  }
  return {
    gpus: [...gpus]
      .map(([key, gpu]) => ({
        ...gpu,
        series: seriesBy(GPU_METRICS, slots, (bucket, metric) => bucket.gpu_agg?.[key]?.metrics[metric]),
      }))
      .sort((a, b) => a.index - b.index),
    sys: seriesBy(SYS_METRICS, slots, (bucket, metric) => bucket.sys_agg?.[metric]),
  }
}

function slotsOf(readings: readonly Reading[], missing: readonly Span[], stepMs: number): Slot[] {
  const grouped = new Map<number, Bucket[]>()
  for (const { startMs, bucket } of readings) {
    const slotMs = bucketOf(startMs, stepMs)
    const group = grouped.get(slotMs)
    if (group) group.push(bucket)
    else grouped.set(slotMs, [bucket])
  }
  const slots = new Map<number, Slot>()
  for (const { fromMs, toMs } of missing) {
    // The steps that lie within the span as a whole: those at its ends may hold readings.
    const firstMs = bucketOf(fromMs + stepMs - 1, stepMs)
    const lastMs = bucketOf(toMs, stepMs) - stepMs
    if (firstMs > lastMs) continue
    for (const startMs of [firstMs, lastMs]) slots.set(startMs, slotAt(startMs, null))
  }
  for (const [startMs, buckets] of grouped) slots.set(startMs, slotAt(startMs, mergeBuckets(buckets)))
  return [...slots.values()].sort((a, b) => a.startMs - b.startMs)
}

function slotAt(startMs: number, bucket: Bucket | null): Slot {
  return { startMs, ts: instantOf(startMs), bucket }
}

function seriesBy(
  metrics: readonly string[],
  slots: readonly Slot[],
  read: (bucket: Bucket, metric: string) => Aggregate | undefined,
): Record<string, SeriesPoint[]> {
  const series: Record<string, SeriesPoint[]> = {}
  for (const metric of metrics) {
    const points = slots.map(({ ts, bucket }) => pointOf(ts, bucket && read(bucket, metric)))
    // A reading this machine never gives is an empty series, not a line of nulls.
    series[metric] = points.some((point) => point.mean !== null) ? points : []
  }
  return series
}

function pointOf(ts: Instant, aggregate: Aggregate | null | undefined): SeriesPoint {
  if (!aggregate) return { ts, mean: null, min: null, max: null }
  const { count, sum, min, max } = aggregate
  return { ts, mean: Math.round((sum / count) * 1e3) / 1e3, min, max }
}
