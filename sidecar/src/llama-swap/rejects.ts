import type { NoteData } from "@boocontrol/shared/notes"
import { instantOf } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"

/** Kept short: the note says what kind of input was bad and how often, never what was in it. */
export type RejectKind = "too_long" | "not_utf8" | "not_json" | "shape" | "unknown_type" | "reply"

/** At most one note per kind in this time, or a broken engine would fill the history. */
const QUIET_MS = 60_000

export interface Rejects {
  add(kind: RejectKind, problem: string): void
  /** Since the start. */
  count(): number
}

/** Counts input that made no sense, and tells of it without repeating itself. */
export function createRejects(clock: Clock, note: (note: NoteData) => void): Rejects {
  const kinds = new Map<RejectKind, { total: number; untold: number; quietUntil: number }>()
  let total = 0
  return {
    add(kind, problem) {
      const now = clock.now()
      const seen = kinds.get(kind) ?? { total: 0, untold: 0, quietUntil: 0 }
      kinds.set(kind, seen)
      total += 1
      seen.total += 1
      seen.untold += 1
      if (now < seen.quietUntil) return
      note({
        note: "input_rejected",
        ts: instantOf(now),
        detail: {
          from: "llama-swap",
          kind,
          problem: problem.slice(0, 200),
          count: seen.untold,
          total: seen.total,
        },
      })
      seen.untold = 0
      seen.quietUntil = now + QUIET_MS
    },
    count: () => total,
  }
}
