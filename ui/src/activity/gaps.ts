import type { ActivityRow } from "@boocontrol/shared/activity"
import type { ModelEventRow } from "@boocontrol/shared/models"
import { epochMsOf } from "@boocontrol/shared/time"
import { clockTime, plural } from "../kit/format.ts"

/** A time of which requests may be missing, because nobody could read them any more, or are, because they were lost. */
export interface Gap {
  readonly key: string
  readonly host: string
  /** Null where nobody knows when it began. */
  readonly fromMs: number | null
  readonly toMs: number
  /** What a host's spool gave up; null where requests are only suspected to be missing. */
  readonly loss: Loss | null
}

export interface Loss {
  /** Messages, of which each tells one request or several. */
  readonly count: number
  /** The count is an upper bound. */
  readonly atMost: boolean
  readonly why: string
}

/** One line of a list of requests: a request, or the place where some may be missing. */
export type Line =
  | { readonly kind: "row"; readonly key: string; readonly row: ActivityRow }
  | { readonly kind: "gap"; readonly key: string; readonly gap: Gap }

export const GAP_KINDS: readonly string[] = ["gap_suspected", "spool_dropped"]

export function gapsIn(events: readonly ModelEventRow[]): Gap[] {
  return events.flatMap(({ provider_id: host, ts, state, detail }) => {
    if (!GAP_KINDS.includes(state)) return []
    const loss = state === "spool_dropped" ? lossOf(detail) : null
    // A spool gives up samples first: that leaves holes in charts, but every request is there.
    if (state === "spool_dropped" && loss === null) return []
    const fromMs = momentOf(detail?.["from"])
    const toMs = momentOf(detail?.["to"]) ?? epochMsOf(ts)
    return [{ key: `${state} ${host} ${ts}`, host, fromMs, toMs, loss }]
  })
}

/** Null where no request was among what was given up. */
function lossOf(detail: ModelEventRow["detail"]): Loss | null {
  const { reason, by_kind: byKind, count, at_most: atMost } = detail ?? {}
  const kinds = typeof byKind === "object" && byKind !== null ? byKind : null
  const told: unknown = kinds && Object.keys(kinds).length > 0 ? Reflect.get(kinds, "activity") : count
  return typeof told === "number" && told > 0
    ? { count: told, atMost: atMost === true, why: whyLost(reason) }
    : null
}

const LOSS_REASONS: Readonly<Record<string, string>> = {
  no_room: "the host's disk spool was full",
  no_disk: "the host's disk spool could not be written",
  too_large: "they were too large for the host's disk spool",
  corrupt: "a file of the host's disk spool was spoilt",
}

/** A newer sidecar may know other reasons. */
export function whyLost(reason: unknown): string {
  const known = typeof reason === "string" ? (LOSS_REASONS[reason] ?? reason.replaceAll("_", " ")) : null
  return known ?? "the host does not say why"
}

function momentOf(value: unknown): number | null {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}

/**
 * Rows, newest first, with each gap above the first row that ended before it did. `whole`: no older row is stored, so
 * that older gaps have their place here too.
 */
export function linesOf(rows: readonly ActivityRow[], gaps: readonly Gap[], whole: boolean): Line[] {
  const lines: Line[] = []
  const waiting = [...gaps].sort((a, b) => b.toMs - a.toMs)
  let next = 0
  const tell = (untilMs: number): void => {
    for (let gap = waiting[next]; gap && gap.toMs >= untilMs; gap = waiting[++next])
      lines.push({ kind: "gap", key: gap.key, gap })
  }
  for (const row of rows) {
    tell(epochMsOf(row.ts))
    lines.push({ kind: "row", key: row.id, row })
  }
  if (whole) tell(-Infinity)
  return lines
}

/** Whether others of its host may be missing beside this row. */
export function isInGap(row: ActivityRow, gaps: readonly Gap[]): boolean {
  const atMs = epochMsOf(row.ts)
  return gaps.some(
    ({ host, fromMs, toMs }) => host === row.provider_id && fromMs !== null && fromMs < atMs && atMs < toMs,
  )
}

export function spanText({ fromMs, toMs }: Gap): string {
  return fromMs === null ? `before ${clockTime(toMs)}` : `${clockTime(fromMs)} to ${clockTime(toMs)}`
}

/** What is said of a gap in its place. */
export function gapWords(gap: Gap): string {
  if (gap.loss === null) return `requests may be missing, ${spanText(gap)}`
  const { count, atMost, why } = gap.loss
  const lost = `${atMost ? "up to " : ""}${plural(count, "message")} about requests`
  return `${lost} lost, ${spanText(gap)}: ${why}`
}
