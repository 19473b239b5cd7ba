import type { PerfReply, PerfSample, PerfSpan, SeriesPoint } from "@boocontrol/shared/telemetry"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"

/** Samples come each second: what is further apart was not measured. */
const HOLE_MS = 12_000

/** Puts a live sample at the end of history and lets the same length fall off at its beginning. */
export function appendSample(reply: PerfReply, sample: PerfSample): PerfReply {
  const end = epochMsOf(reply.to)
  const at = epochMsOf(sample.ts)
  if (at <= end) return reply
  const start = instantOf(epochMsOf(reply.from) + (at - end))
  const last = newestOf(reply)
  const hole: PerfSpan[] =
    last !== null && at - epochMsOf(last) > Math.max(HOLE_MS, reply.step_s * 3000)
      ? [{ from: last, to: sample.ts }]
      : []
  const gpus = reply.gpus.map((gpu) => {
    const now = sample.gpu?.find((other) => other.index === gpu.index)
    return { ...gpu, series: appendTo(gpu.series, { from: now ?? {}, ts: sample.ts, start }) }
  })
  return {
    ...reply,
    gpus,
    sys: appendTo(reply.sys, { from: sample.sys ?? {}, ts: sample.ts, start }),
    from: start,
    to: sample.ts,
    missing: [...reply.missing, ...hole].filter((span) => span.to > start),
  }
}

function appendTo(
  series: Record<string, SeriesPoint[]>,
  given: { from: object; ts: Instant; start: Instant },
): Record<string, SeriesPoint[]> {
  const values = new Map<string, unknown>(Object.entries(given.from))
  return Object.fromEntries(
    Object.entries(series).map(([name, points]) => {
      const value = values.get(name)
      const mean = typeof value === "number" ? value : null
      // Instants sort as text, which is much cheaper than reading each as a date.
      const first = points.findIndex((point) => point.ts >= given.start)
      return [name, [...(first < 0 ? [] : points.slice(first)), { ts: given.ts, mean, min: mean, max: mean }]]
    }),
  )
}

function newestOf(reply: PerfReply): Instant | null {
  const all = [...reply.gpus.flatMap((gpu) => Object.values(gpu.series)), ...Object.values(reply.sys)]
  const newest = all.map((points) => points.at(-1)?.ts).filter((ts) => ts !== undefined)
  return newest.sort().at(-1) ?? null
}

export type ChartPoint = [number, number | null]

/** Points for a line, with a break wherever something is missing: a line never goes through a hole. */
export function linePoints(
  points: readonly SeriesPoint[],
  given: { missing: readonly PerfSpan[]; stepS: number; scale: number; pick: "mean" | "min" | "max" },
): ChartPoint[] {
  const far = Math.max(HOLE_MS, given.stepS * 2500)
  const line: ChartPoint[] = []
  let before: number | null = null
  for (const point of points) {
    const t = epochMsOf(point.ts)
    const value = point[given.pick]
    if (before !== null && (t - before > far || crosses(given.missing, before, t)))
      line.push([before + 1, null])
    line.push([t, value === null ? null : value * given.scale])
    before = t
  }
  return line
}

function crosses(missing: readonly PerfSpan[], from: number, to: number): boolean {
  return missing.some(
    (span) => epochMsOf(span.from) < to && epochMsOf(span.to) > from && epochMsOf(span.from) >= from,
  )
}

const TIER_WORDS: Readonly<Record<PerfReply["tier"], string>> = {
  raw: "every sample",
  "10s": "10 s averages",
  "1m": "1 min averages",
  "5m": "5 min averages",
  "1h": "1 h averages",
}

export function tierWords(reply: Pick<PerfReply, "tier" | "missing" | "backfilled">): string {
  const parts = [reply.tier === "raw" ? TIER_WORDS.raw : `from ${TIER_WORDS[reply.tier]}`]
  if (reply.missing.length > 0)
    parts.push(`${reply.missing.length} ${reply.missing.length === 1 ? "hole" : "holes"}`)
  if (reply.backfilled.length > 0) parts.push("partly fetched later")
  return parts.join(" · ")
}
