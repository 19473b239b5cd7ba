import { SampleSource } from "@boocontrol/shared/telemetry"
import { Instant, epochMsOf } from "@boocontrol/shared/time"
import * as z from "zod/mini"

/** How far apart samples of a source are meant to be. Engines answer every five seconds at most. */
export const EVERY_MS: Readonly<Record<SampleSource, number>> = {
  "nvidia-smi": 1_000,
  os: 1_000,
  "llama-swap": 5_000,
}

export const SampledAt = z.object({ ts: Instant, source: SampleSource })
export type SampledAt = z.infer<typeof SampledAt>

// Ticks drift by a few milliseconds each: a second without one of its own is not a hole. A sample that is left out is.
const LATE = 1.5

/**
 * Seconds of a bucket that samples speak for, given oldest first. Each speaks for the time to the next one; where
 * that is late, for as long as its source takes between two. What is before the first one and after the last one
 * lies between two buckets, and counts where it is no longer than that.
 */
export function coveredSeconds(
  samples: readonly SampledAt[],
  { startMs, widthMs }: { startMs: number; widthMs: number },
): number {
  let coveredMs = 0
  let reachedMs = startMs
  let everyMs = 0
  for (const { ts, source } of samples) {
    const atMs = epochMsOf(ts)
    const sinceMs = atMs - reachedMs
    const isFirst = everyMs === 0
    const allowedMs = isFirst ? EVERY_MS[source] : everyMs
    if (sinceMs <= allowedMs * (isFirst ? 1 : LATE)) coveredMs += sinceMs
    else if (!isFirst) coveredMs += allowedMs
    reachedMs = atMs
    everyMs = EVERY_MS[source]
  }
  coveredMs += Math.min(startMs + widthMs - reachedMs, everyMs)
  return Math.round(coveredMs / 1_000)
}
