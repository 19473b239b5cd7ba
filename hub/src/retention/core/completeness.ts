import * as z from "zod/mini"
import { Instant, epochMsOf } from "@boocontrol/shared/time"
import type { Span } from "./partitions.ts"

/**
 * From a second that happened to its place in a tier: five until its message is sent, ten until its bucket ends, a
 * few until it is computed. Younger seconds are not expected yet, so the figure of a day that is not over can hide
 * up to this much; that of a past day hides nothing.
 */
export const SETTLED_MS = 30_000

export interface Expected {
  /** Since when the host is known. */
  knownFromMs: number
  nowMs: number
  /** When it was disabled, in no order; `toMs` is null where it still is. */
  pauses?: readonly { fromMs: number; toMs: number | null }[]
}

/** Seconds of a day that should have a sample; null for a day before the host was known. */
export function expectedSeconds(day: Span, { knownFromMs, nowMs, pauses = [] }: Expected): number | null {
  if (knownFromMs >= day.toMs) return null
  const toMs = Math.min(day.toMs, nowMs - SETTLED_MS)
  let untilMs = Math.max(day.fromMs, knownFromMs)
  let expectedMs = 0
  for (const pause of [...pauses].sort((a, b) => a.fromMs - b.fromMs)) {
    expectedMs += Math.max(0, Math.min(pause.fromMs, toMs) - untilMs)
    untilMs = Math.max(untilMs, pause.toMs ?? toMs)
  }
  return Math.floor((expectedMs + Math.max(0, toMs - untilMs)) / 1_000)
}

/** Rounded down, so that 100 means all. Null where nothing was expected. */
export function percentOf(expectedS: number | null, presentS: number): number | null {
  if (expectedS === null || expectedS === 0) return null
  return Math.floor(Math.min(1, presentS / expectedS) * 10_000) / 100
}

/** A time whose requests may be incomplete. `fromMs` is null where nobody knows when it began. */
export interface Gap {
  fromMs: number | null
  toMs: number
}

const GapDetail = z.object({ from: z.optional(z.nullable(Instant)), to: z.optional(Instant) })

/** The gap that a `gap_suspected` note speaks of. What it does not say is not known. */
export function gapOfNote(ts: Instant, detail: unknown): Gap {
  const parsed = GapDetail.safeParse(detail)
  const { from = null, to = ts } = parsed.success ? parsed.data : {}
  return { fromMs: from === null ? null : epochMsOf(from), toMs: epochMsOf(to) }
}

export interface DayGaps {
  gaps: number
  /** Null: the beginning of one of them is not known. */
  gapS: number | null
}

/** Gaps that touch a day, and how much of it they cover together. */
export function gapsOfDay(gaps: readonly Gap[], { fromMs, toMs }: Span): DayGaps {
  const touching = gaps.filter((gap) => gap.toMs >= fromMs && (gap.fromMs ?? gap.toMs) < toMs)
  const isUnknown = touching.some((gap) => gap.fromMs === null)
  let coveredMs = 0
  let untilMs = fromMs
  for (const gap of [...touching].sort((a, b) => (a.fromMs ?? a.toMs) - (b.fromMs ?? b.toMs))) {
    const startMs = Math.max(gap.fromMs ?? gap.toMs, untilMs)
    const endMs = Math.min(gap.toMs, toMs)
    coveredMs += Math.max(0, endMs - startMs)
    untilMs = Math.max(untilMs, endMs)
  }
  return { gaps: touching.length, gapS: isUnknown ? null : Math.round(coveredMs / 1_000) }
}
