import type { ModelEventRow } from "@boocontrol/shared/models"
import { epochMsOf, parseRfc3339 } from "@boocontrol/shared/time"
import { gapsIn, whyLost } from "../../activity/gaps.ts"
import type { Gap } from "../../activity/gaps.ts"
import { clockTime } from "../../kit/format.ts"

export interface Span {
  readonly model: string
  readonly state: "starting" | "ready" | "stopping" | "error"
  readonly fromMs: number
  readonly toMs: number
  /** Still so at the end of the range. */
  readonly open: boolean
}

// An error or a single lost message is a moment, not a span; it is drawn this wide so that it can be seen.
const MOMENT_SHARE = 0.004

/** Bars of what each model was, made of its changes. Notes of the host itself (`*`) are no model. */
export function spansOf(events: readonly ModelEventRow[], range: { fromMs: number; toMs: number }): Span[] {
  const spans: Span[] = []
  const byModel = Map.groupBy(
    events.filter((event) => event.model !== "*"),
    (event) => event.model,
  )
  for (const [model, changes] of byModel) {
    const ordered = changes.toSorted((a, b) => a.ts.localeCompare(b.ts))
    for (const [index, change] of ordered.entries()) {
      const state = drawn(change.state)
      if (state === null) continue
      const following = ordered[index + 1]
      const fromMs = epochMsOf(change.ts)
      const end = following ? epochMsOf(following.ts) : range.toMs
      const toMs =
        state === "error" ? Math.min(end, fromMs + (range.toMs - range.fromMs) * MOMENT_SHARE) : end
      if (toMs <= range.fromMs || fromMs >= range.toMs) continue
      spans.push({
        model,
        state,
        fromMs: Math.max(fromMs, range.fromMs),
        toMs,
        open: !following && state !== "error",
      })
    }
  }
  return spans
}

function drawn(state: string): Span["state"] | null {
  return state === "starting" || state === "ready" || state === "stopping" || state === "error" ? state : null
}

export interface NoteLine {
  readonly at: ModelEventRow["ts"]
  /** What it speaks of where that is a stretch of time, as far as it is known. */
  readonly gap: Gap | null
  readonly text: string
  readonly detail: string | null
  readonly bad: boolean
}

const NOTE_WORDS: Readonly<Record<string, string>> = {
  gap_suspected: "History may have a gap",
  swap_restarted: "The engine was restarted",
  clock_stepped: "The host's clock was set",
  gpu_lost: "A GPU was lost",
  gpu_returned: "A GPU came back",
  engine_connected: "The engine was reached",
  engine_down: "The engine went away",
  input_rejected: "The engine or a tool said something that made no sense",
}
const BAD_NOTES: ReadonlySet<string> = new Set([
  "gap_suspected",
  "spool_dropped",
  "gpu_lost",
  "input_rejected",
])

export function notesOf(events: readonly ModelEventRow[]): NoteLine[] {
  return events
    .filter((event) => event.model === "*")
    .map((event) => ({
      at: event.ts,
      gap: gapsIn([event])[0] ?? null,
      text: wordsOf(event),
      detail: detailOf(event.detail),
      bad: BAD_NOTES.has(event.state),
    }))
}

function wordsOf({ state, detail }: ModelEventRow): string {
  if (state === "spool_dropped") return `Records were lost: ${whyLost(detail?.["reason"])}`
  return NOTE_WORDS[state] ?? state.replaceAll("_", " ")
}

function detailOf(detail: ModelEventRow["detail"]): string | null {
  // Which messages were lost, by their numbers, is for who compares them with what is stored.
  const { from, to, seqs: _seqs, ...rest } = detail ?? {}
  const span = [momentOf(from), momentOf(to)]
  const between = span.every((one) => one !== null) ? [span.join(" to ")] : []
  const others = Object.entries(rest)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${momentOf(value) ?? valueWords(value)}`)
  const parts = [...between, ...others]
  return parts.length === 0 ? null : parts.join(", ")
}

function valueWords(value: unknown): string {
  if (typeof value === "string") return value
  if (typeof value !== "object" || value === null) return String(value)
  if (Array.isArray(value)) return value.map(valueWords).join(", ")
  return Object.entries(value)
    .map(([name, inner]) => `${valueWords(inner)} ${name.replaceAll("_", " ")}`)
    .join(", ")
}

function momentOf(value: unknown): string | null {
  const ms = typeof value === "string" ? parseRfc3339(value) : null
  return ms === null ? null : clockTime(ms)
}

/**
 * The spans of gaps within a range that a chart can show: one whose beginning nobody knows is told in words only, and a
 * moment is widened so that it can be seen.
 */
export function shadedSpans(
  gaps: readonly Gap[],
  range: { fromMs: number; toMs: number },
): { fromMs: number; toMs: number }[] {
  const leastMs = (range.toMs - range.fromMs) * MOMENT_SHARE
  return gapsWithin(gaps, range).flatMap(({ fromMs, toMs }) =>
    fromMs === null ? [] : [{ fromMs, toMs: Math.max(toMs, fromMs + leastMs) }],
  )
}

/** Those that reach into a range, whenever they were noted. */
export function gapsWithin(gaps: readonly Gap[], range: { fromMs: number; toMs: number }): Gap[] {
  return gaps.filter(({ fromMs, toMs }) => toMs >= range.fromMs && (fromMs ?? toMs) <= range.toMs)
}
