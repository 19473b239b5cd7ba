import { epochMsOf } from "@boocontrol/shared/time"
import type { GpuSample, PerfReply, PerfSample } from "@boocontrol/shared/telemetry"

/** A point of the last minutes: how busy the GPUs (or, without any, the processors) were. */
export interface Point {
  readonly t: number
  readonly gpuBusy: number | null
  readonly cpuBusy: number | null
}

export interface Readings {
  readonly latest: PerfSample | null
  /** Oldest first. */
  readonly points: readonly Point[]
}

export const EMPTY_READINGS: Readings = { latest: null, points: [] }

// A sample comes a moment late at most. One that seems older than this was taken after the clock of its host was set back:
// what that said before is not the newest until the hour comes again.
const LATE_MS = 30_000

export function addSamples(before: Readings, samples: readonly PerfSample[], windowMs: number): Readings {
  if (samples.length === 0) return before
  let { latest, points } = before
  for (const sample of samples) {
    if (latest !== null && epochMsOf(latest.ts) - epochMsOf(sample.ts) > LATE_MS) {
      const setTo = epochMsOf(sample.ts)
      points = points.filter(({ t }) => t < setTo)
      latest = null
    }
    if (latest === null || sample.ts > latest.ts) latest = sample
  }
  return { latest, points: within(merge(points, samples.map(pointOf)), windowMs) }
}

/** Puts history under what came live. Where both know a moment, the live one stays. */
export function fillFrom(before: Readings, reply: PerfReply, windowMs: number): Readings {
  const busy = new Map<number, number[]>()
  for (const gpu of reply.gpus) {
    for (const point of gpu.series["util_pct"] ?? []) {
      if (point.mean === null) continue
      const t = epochMsOf(point.ts)
      busy.set(t, [...(busy.get(t) ?? []), point.mean])
    }
  }
  const cpu = new Map((reply.sys["cpu_pct"] ?? []).map((point) => [epochMsOf(point.ts), point.mean]))
  const times = [...new Set([...busy.keys(), ...cpu.keys()])].sort((a, b) => a - b)
  const old = times.map((t) => ({ t, gpuBusy: meanOf(busy.get(t) ?? []), cpuBusy: cpu.get(t) ?? null }))
  return { latest: before.latest, points: within(merge(old, before.points), windowMs) }
}

function pointOf(sample: PerfSample): Point {
  return { t: epochMsOf(sample.ts), gpuBusy: gpuBusy(sample.gpu), cpuBusy: sample.sys?.cpu_pct ?? null }
}

/** Mean over the GPUs that say it; null where none does. */
export function gpuBusy(gpus: readonly GpuSample[] | null): number | null {
  return meanOf((gpus ?? []).map((gpu) => gpu.util_pct).filter((value) => value !== null))
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Both sorted by time; the later list wins where both have a moment. */
function merge(older: readonly Point[], newer: readonly Point[]): Point[] {
  const last = older.at(-1)
  const first = newer[0]
  if (!last || !first || last.t < first.t) return [...older, ...newer]
  const byTime = new Map(older.map((point) => [point.t, point]))
  for (const point of newer) byTime.set(point.t, point)
  return [...byTime.values()].sort((a, b) => a.t - b.t)
}

function within(points: readonly Point[], windowMs: number): readonly Point[] {
  const end = points.at(-1)?.t ?? 0
  const start = points.findIndex((point) => point.t >= end - windowMs)
  return start <= 0 ? points : points.slice(start)
}
