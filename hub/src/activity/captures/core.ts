import type { ActivityRow } from "@boocontrol/shared/activity"

export type CaptureWhen = "off" | "errors" | "all"

export interface CapturePolicy {
  readonly everywhere: CaptureWhen
  readonly bySource: Readonly<Record<string, CaptureWhen>>
}

/** Whether the capture of a request is fetched at once, before its engine forgets it. */
export function wantsCapture(
  policy: CapturePolicy,
  row: Pick<ActivityRow, "has_capture" | "source" | "status_code" | "error">,
): boolean {
  if (!row.has_capture) return false
  const when = (row.source === null ? undefined : policy.bySource[row.source]) ?? policy.everywhere
  if (when === "all") return true
  return when === "errors" && (row.error !== null || (row.status_code !== null && row.status_code !== 200))
}

export interface CaptureQueue<T extends { id: string }> {
  readonly waiting: readonly T[]
  /** Too many at once: their engines will have forgotten the oldest by the time it would be their turn. */
  readonly dropped: number
}

const MOST_WAITING = 500

/** Adds what is not waiting yet, the newest first in line. */
export function enqueue<T extends { id: string }>(
  queue: CaptureQueue<T>,
  wanted: readonly T[],
): CaptureQueue<T> {
  const known = new Set(queue.waiting.map(({ id }) => id))
  const waiting = [...wanted.filter(({ id }) => !known.has(id)).toReversed(), ...queue.waiting]
  const surplus = Math.max(0, waiting.length - MOST_WAITING)
  return { waiting: waiting.slice(0, MOST_WAITING), dropped: queue.dropped + surplus }
}
