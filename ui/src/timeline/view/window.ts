import { instantOf, parseRfc3339 } from "@boocontrol/shared/time"
import { RANGES, rangeOf } from "../../hosts/view/ranges.ts"
import type { Range } from "../../hosts/view/ranges.ts"

/** The stretch of time on screen: one that ends now and moves, or one that was chosen and stands still. */
export type TimeWindow =
  | { readonly kind: "moving"; readonly range: Range }
  | { readonly kind: "fixed"; readonly fromMs: number; readonly toMs: number }

export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** Closer than this nothing more can be seen: samples come each second. */
export const SHORTEST_MS = 30_000
/** What the hub computes costs for at most. */
export const LONGEST_MS = 7 * 24 * 3_600_000

/** Reads the page's address. What is not understood there is the default range, never an error. */
export function windowOf(query: Readonly<Record<string, unknown>>): TimeWindow {
  const fromMs = timeOf(query["from"])
  const toMs = timeOf(query["to"])
  if (fromMs !== null && toMs !== null && toMs - fromMs >= SHORTEST_MS)
    return { kind: "fixed", fromMs: Math.max(fromMs, toMs - LONGEST_MS), toMs }
  return { kind: "moving", range: rangeOf(query["range"]) }
}

export function queryOf(window: TimeWindow): Record<string, string> {
  return window.kind === "moving"
    ? { range: window.range.key }
    : { from: instantOf(window.fromMs), to: instantOf(window.toMs) }
}

export function spanOf(window: TimeWindow, nowMs: number): Span {
  return window.kind === "moving" ? { fromMs: nowMs - window.range.ms, toMs: nowMs } : window
}

/** A part of what is on screen, no shorter than can be drawn and never reaching beyond now. */
export function zoomTo(aMs: number, bMs: number, nowMs: number): TimeWindow {
  const middle = (aMs + bMs) / 2
  const half = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, Math.abs(bMs - aMs))) / 2
  const toMs = Math.min(nowMs, middle + half)
  return { kind: "fixed", fromMs: Math.round(toMs - half * 2), toMs: Math.round(toMs) }
}

/** `factor` below 1 looks closer, above 1 shows more, around the middle. */
export function zoomBy(span: Span, factor: number, nowMs: number): TimeWindow {
  const middle = (span.fromMs + span.toMs) / 2
  const half = ((span.toMs - span.fromMs) / 2) * factor
  return zoomTo(middle - half, middle + half, nowMs)
}

/** Half a screen earlier (-1) or later (1). */
export function shiftBy(span: Span, direction: -1 | 1, nowMs: number): TimeWindow {
  const step = ((span.toMs - span.fromMs) / 2) * direction
  return zoomTo(span.fromMs + step, span.toMs + step, nowMs)
}

export const RANGE_OPTIONS = RANGES.map(({ key, text }) => ({ value: key, text }))

function timeOf(value: unknown): number | null {
  return typeof value === "string" ? parseRfc3339(value) : null
}
