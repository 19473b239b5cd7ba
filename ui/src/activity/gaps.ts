import type { ActivityRow } from "@boocontrol/shared/activity"
import type { ModelEventRow } from "@boocontrol/shared/models"
import { epochMsOf } from "@boocontrol/shared/time"
import { clockTime } from "../kit/format.ts"

/** A time in which requests of a host may have ended that nobody could read any more. */
export interface Gap {
  readonly key: string
  readonly host: string
  /** Null where nobody knows when it began. */
  readonly fromMs: number | null
  readonly toMs: number
}

/** One line of a list of requests: a request, or the place where some may be missing. */
export type Line =
  | { readonly kind: "row"; readonly key: string; readonly row: ActivityRow }
  | { readonly kind: "gap"; readonly key: string; readonly gap: Gap }

export function gapsIn(events: readonly ModelEventRow[]): Gap[] {
  return events
    .filter((event) => event.state === "gap_suspected")
    .map(({ provider_id: host, ts, detail }) => ({
      ...{ key: `gap ${host} ${ts}`, host },
      fromMs: momentOf(detail?.["from"]),
      toMs: momentOf(detail?.["to"]) ?? epochMsOf(ts),
    }))
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
