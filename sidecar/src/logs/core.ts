import { MAX_LOG_LINE_CHARS, TRUNCATION_MARK } from "@boocontrol/shared/logs"

/** Chunks of a log, cut anywhere, put together to whole lines. At most one cut line is held. */
export interface LineBuffer {
  readonly partial: string
  /** The line is too long already: what follows up to its end is let go. */
  readonly overlong: boolean
}

export const EMPTY_LINES: LineBuffer = { partial: "", overlong: false }

export function addChunk(buffer: LineBuffer, chunk: string): { buffer: LineBuffer; lines: string[] } {
  const lines: string[] = []
  let { partial, overlong } = buffer
  let start = 0
  while (start < chunk.length) {
    const newline = chunk.indexOf("\n", start)
    const end = newline === -1 ? chunk.length : newline
    if (!overlong) {
      // One character more than fits is enough to know that the line has to be cut.
      partial += chunk.slice(start, Math.min(end, start + MAX_LOG_LINE_CHARS + 1 - partial.length))
      overlong = partial.length > MAX_LOG_LINE_CHARS
    }
    if (newline === -1) break
    lines.push(cutLine(partial))
    partial = ""
    overlong = false
    start = newline + 1
  }
  return { buffer: { partial, overlong }, lines }
}

function cutLine(line: string): string {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line
  return text.length > MAX_LOG_LINE_CHARS
    ? text.slice(0, MAX_LOG_LINE_CHARS - TRUNCATION_MARK.length) + TRUNCATION_MARK
    : text
}

/** Long enough to occur once in a log with times in its lines, short enough to keep per source for ever. */
export const TAIL_CHARS = 2_048

/** As much as an engine keeps of its log: of text that may not be wanted, more is not kept here either. */
export const HELD_CHARS = 128 * 1024

export function tailOf(tail: string, chunk: string): string {
  return chunk.length >= TAIL_CHARS ? chunk.slice(-TAIL_CHARS) : (tail + chunk).slice(-TAIL_CHARS)
}

/**
 * What of a history was not seen before. An engine sends its whole history on every connect; if that holds the end
 * of what was seen, the rest is new, otherwise (it restarted, or its history moved on) all of it.
 */
export function unseenPart(tail: string, history: string): string {
  if (tail === "") return history
  const at = history.lastIndexOf(tail)
  return at === -1 ? history : history.slice(at + tail.length)
}
