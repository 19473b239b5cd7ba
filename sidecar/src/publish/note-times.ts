import type { NoteData } from "@boocontrol/shared/notes"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"

/**
 * Gives each note of a kind a millisecond of its own: of two cards that vanish in one reading, the second is said to
 * have vanished a millisecond later. History knows a note by host, kind and time, so that one that comes again is
 * stored once; two of the same time would be one note there, and the other lost.
 */
export function distinctTimes(): (note: NoteData) => NoteData {
  // What was given last, as a span without a hole: notes come in the order of the clock, and one that is set back
  // hardly meets the same millisecond again.
  const given = new Map<string, { fromMs: number; toMs: number }>()
  return (note) => {
    const atMs = epochMsOf(note.ts)
    const last = given.get(note.note)
    if (!last || atMs < last.fromMs || atMs > last.toMs) {
      given.set(note.note, { fromMs: atMs, toMs: atMs })
      return note
    }
    last.toMs += 1
    return { ...note, ts: instantOf(last.toMs) }
  }
}
