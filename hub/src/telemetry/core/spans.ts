/** A stretch of time that stored data speaks for. */
export interface Covered {
  startMs: number
  endMs: number
  backfilled: boolean
}
export interface Span {
  fromMs: number
  toMs: number
}

export interface SpanRange {
  fromMs: number
  toMs: number
  /** Data that is not yet stored this soon after it happened is late, not missing. */
  settledMs: number
  /** Between two stretches, a shorter break is none. */
  toleranceMs: number
}

/** Where nothing is known within a range. `covered` is in order. */
export function missingSpans(covered: readonly Covered[], range: SpanRange): Span[] {
  const spans: Span[] = []
  let knownMs = range.fromMs
  for (const { startMs, endMs } of covered) {
    if (startMs - knownMs > range.toleranceMs) spans.push({ fromMs: knownMs, toMs: startMs })
    knownMs = Math.max(knownMs, endMs)
  }
  const untilMs = Math.min(range.toMs, range.settledMs)
  if (untilMs - knownMs > range.toleranceMs) spans.push({ fromMs: knownMs, toMs: untilMs })
  return spans
}

/** Where data was fetched later than it happened; stretches that follow each other are one. */
export function backfilledSpans(covered: readonly Covered[], toleranceMs: number): Span[] {
  const spans: Span[] = []
  for (const { startMs, endMs, backfilled } of covered) {
    if (!backfilled) continue
    const last = spans.at(-1)
    if (last && startMs - last.toMs <= toleranceMs) last.toMs = Math.max(last.toMs, endMs)
    else spans.push({ fromMs: startMs, toMs: endMs })
  }
  return spans
}
