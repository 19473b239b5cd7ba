import type { LogFrame } from "@boocontrol/shared/frames"
import type { HostId } from "@boocontrol/shared/ids"
import type { LogSource } from "@boocontrol/shared/logs"
import { epochMsOf } from "@boocontrol/shared/time"

export const LEVELS = ["error", "warn", "info", "debug", "other"] as const
export type Level = (typeof LEVELS)[number]

export interface LogLine {
  /** Counts up per page life: a stable key while older lines fall off. */
  readonly n: number
  readonly host: HostId
  readonly source: LogSource
  readonly model: string | null
  /** As it came, colours and all. */
  readonly raw: string
  /** What can be read of it. */
  readonly text: string
  readonly level: Level
  /** When its sidecar sent it, by the host's clock. Of a history: no earlier than it was written. */
  readonly at: number
  /** The engine had written it before anybody read it: `at` is then not its time. */
  readonly isHistory: boolean
  /** Lines lost before this one. */
  readonly lostBefore: number
}

// Colours, cursor moves and titles of a terminal; each part is bounded by a character it cannot itself contain.
const ESCAPES =
  // oxlint-disable-next-line no-control-regex
  /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\^_])|[\u0000-\u0008\u000B-\u001F\u007F]/g

export function plainText(raw: string): string {
  return raw.replace(ESCAPES, "")
}

const BRACKETED = /^[^[\]]{0,40}\[\s?(ERROR|ERR|FATAL|WARN|WARNING|INFO|DEBUG|TRACE)\s?\]/i
/** llama-server: `0.03.123.456 I srv  ...`. */
const LETTERED = /^\s*\d+\.\d\d\.\d{3}\.\d{3} ([EWID]) /
const LEADING = /^(?:[\d:.,/TZ+ -]{0,40}\s)?(error|fatal|panic|warning|warn|info|debug)\b[:\s]/i
const SAYS_ERROR = /\b(?:error|failed|fatal|exception|traceback|out of memory|segmentation fault)\b/i
const LETTERS: Readonly<Record<string, Level>> = { E: "error", W: "warn", I: "info", D: "debug" }
const WORDS: Readonly<Record<string, Level>> = {
  ...{ error: "error", err: "error", fatal: "error", panic: "error" },
  ...{ warn: "warn", warning: "warn", info: "info", debug: "debug", trace: "debug" },
}

/** What a line says of itself; a line that names no level but an error is one. Nothing is made up for the rest. */
export function levelOf(text: string): Level {
  const word = BRACKETED.exec(text)?.[1] ?? LEADING.exec(text)?.[1]
  if (word !== undefined) return WORDS[word.toLowerCase()] ?? "other"
  const letter = LETTERED.exec(text)?.[1]
  if (letter !== undefined) return LETTERS[letter] ?? "other"
  return SAYS_ERROR.test(text.slice(0, 400)) ? "error" : "other"
}

/** The lines of one frame, numbered from `first` on. */
export function linesOf(frame: LogFrame, first: number, nowMs: number): LogLine[] {
  const at = frame.at === undefined ? nowMs : epochMsOf(frame.at)
  return frame.lines.map((raw, index) => {
    const text = plainText(raw)
    return {
      n: first + index,
      host: frame.provider_id,
      source: frame.source,
      model: frame.model ?? null,
      ...{ raw, text, level: levelOf(text), at },
      isHistory: frame.history === true,
      lostBefore: index === 0 ? (frame.dropped ?? 0) : 0,
    }
  })
}

/** In the order in which they were written, as far as anybody knows; among equals, as they came. */
export function isBefore(a: LogLine, b: LogLine): boolean {
  return a.at === b.at ? a.n < b.n : a.at < b.at
}

export interface Merged {
  readonly lines: readonly LogLine[]
  /** All before this index stood there before; null where the order of older ones changed. */
  readonly keptUntil: number | null
  /** Lines that fell off at the beginning. */
  readonly fallen: number
}

/** Adds lines to those that are there and lets the oldest fall off. Mostly they belong to the end. */
export function mergeLines(lines: readonly LogLine[], added: readonly LogLine[], most: number): Merged {
  const sorted = isSorted(added) ? added : added.toSorted(order)
  const last = lines.at(-1)
  const [first] = sorted
  const atEnd = !last || !first || !isBefore(first, last)
  const all = atEnd ? [...lines, ...sorted] : [...lines, ...sorted].sort(order)
  const fallen = Math.max(0, all.length - most)
  return {
    lines: fallen > 0 ? all.slice(fallen) : all,
    keptUntil: atEnd ? Math.max(0, lines.length - fallen) : null,
    fallen,
  }
}

function isSorted(lines: readonly LogLine[]): boolean {
  return lines.every((line, index) => {
    const before = lines[index - 1]
    return before === undefined || !isBefore(line, before)
  })
}

function order(a: LogLine, b: LogLine): number {
  return a.at === b.at ? a.n - b.n : a.at - b.at
}
