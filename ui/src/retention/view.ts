import type { CompletenessRow, RetentionRun, StorageReply, StoredTable } from "@boocontrol/shared/retention"
import { epochMsOf } from "@boocontrol/shared/time"
import { DASH, count, duration, plural } from "../kit/format.ts"
import type { Tone } from "../kit/tone.ts"
import { percentText, toneOf } from "./percent.ts"

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const

/** `814 B`, `1.2 MB`, `38 GB`: of a thousand each, as disks are sold. */
export function bytesOf(bytes: number): { value: string; unit: string } {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return { value: unit > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0), unit: UNITS[unit] ?? "" }
}

const NAMES: Readonly<Record<string, string>> = {
  control_requests: "Requests",
  control_perf_samples: "Samples, every second",
  control_perf_rollup_10s: "Samples, 10 seconds",
  control_perf_rollup_1m: "Samples, 1 minute",
  control_perf_rollup_5m: "Samples, 5 minutes",
  control_perf_rollup_1h: "Samples, 1 hour",
  control_perf_samples_packed: "Samples, every second, packed",
  control_perf_rollup_10s_packed: "Samples, 10 seconds, packed",
  control_perf_rollup_1m_packed: "Samples, 1 minute, packed",
  control_perf_rollup_5m_packed: "Samples, 5 minutes, packed",
  control_request_stats: "Requests, by the hour",
  control_request_quarters: "Requests, by six hours",
  control_request_days: "Requests, by the day",
  route_dispatches: "Decisions of the gateway",
  route_flows: "Who sends what where",
  control_model_events: "Model events and notes",
  control_dead_letters: "Dead letters",
  control_completeness: "Completeness",
}

export interface TableLine {
  readonly table: string
  readonly name: string
  readonly size: { value: string; unit: string }
  /** Of the largest table. */
  readonly share: number
  readonly rows: string
  readonly kept: string
  readonly span: string
  /** What is wrong with it; null: nothing. */
  readonly trouble: string | null
}

export function tableLines(tables: readonly StoredTable[]): TableLine[] {
  const largest = Math.max(1, ...tables.map(({ bytes }) => bytes))
  return tables.map((stored) => ({
    table: stored.table,
    name: NAMES[stored.table] ?? stored.table,
    size: bytesOf(stored.bytes),
    share: stored.bytes / largest,
    rows: stored.rows_estimate === null ? DASH : `~${count(stored.rows_estimate)}`,
    kept: stored.keep_days === null ? DASH : plural(stored.keep_days, "day"),
    span: spanText(stored),
    trouble: stored.default_rows ? `${plural(stored.default_rows, "row")} without a partition` : null,
  }))
}

function spanText({ from, to, partitions }: StoredTable): string {
  if (from === null || to === null) return DASH
  const own = partitions.filter((partition) => partition.from !== null).length
  return `${from.slice(0, 10)} to ${to.slice(0, 10)}, ${plural(own, "partition")}`
}

export interface StreamLine {
  readonly stream: string
  readonly lag: string
  readonly tone: Tone
  readonly state: string
  readonly figures: readonly { readonly label: string; readonly value: string }[]
}

// A message holds five seconds of samples: younger than this is no lag.
const LATE_MS = 15_000

/** `isOld`: these are the last figures that came. What was so then says nothing of now. */
export function streamLines(
  { streams, nats }: Pick<StorageReply, "streams" | "nats">,
  isOld: boolean,
): StreamLine[] {
  return streams.map((stream) => {
    const isUnknown = isOld || !nats
    const late = stream.lag_ms !== null && stream.lag_ms > LATE_MS
    const waits = stream.waiting_for_postgres
    return {
      stream: stream.stream === "BOO_PERF" ? "Samples" : "Requests and events",
      lag: isUnknown ? DASH : duration(stream.lag_ms),
      tone: isUnknown ? "unknown" : waits ? "bad" : late ? "warn" : stream.lag_ms === null ? "unknown" : "ok",
      state: isUnknown
        ? isOld
          ? "not known now"
          : "not known: NATS does not answer the hub"
        : waits
          ? "waits for Postgres"
          : late
            ? "catching up"
            : stream.lag_ms === null
              ? "nothing yet"
              : "up to date",
      figures: [
        { label: "stored", value: count(stream.stored) },
        { label: "delivered again", value: count(stream.redelivered) },
        { label: "tried again", value: count(stream.retries) },
        { label: "of disabled hosts", value: count(stream.disabled) },
        { label: "dead letters", value: count(stream.dead_letters) },
      ],
    }
  })
}

export interface RunLine {
  readonly id: number
  readonly at: RetentionRun["started_at"]
  readonly text: string
  readonly tone: Tone
  readonly took: string
}

export function runLines(runs: readonly RetentionRun[]): RunLine[] {
  return runs.map((run) => ({
    id: run.id,
    at: run.started_at,
    text: runText(run),
    tone: run.error !== null ? "bad" : run.detail.refused.length > 0 ? "warn" : "ok",
    took:
      run.finished_at === null
        ? "not ended"
        : duration(epochMsOf(run.finished_at) - epochMsOf(run.started_at)),
  }))
}

const WHY = { dirty: "waits to be computed", uncovered: "is not computed yet", busy: "was in use" } as const

function runText({ detail, error }: RetentionRun): string {
  if (error !== null) return `Failed: ${error}`
  const deleted = Object.values(detail.deleted).reduce((sum, rows) => sum + rows, 0)
  const packed = Object.values(detail.packed ?? {}).reduce((sum, hours) => sum + hours, 0)
  const parts = [
    detail.dropped.length > 0 && `dropped ${plural(detail.dropped.length, "partition")}`,
    detail.made.length > 0 && `moved rows into ${plural(detail.made.length, "partition")}`,
    deleted > 0 && `deleted ${plural(deleted, "row")}`,
    packed > 0 && `packed ${plural(packed, "host-hour")}`,
    detail.evicted_captures > 0 && `evicted ${plural(detail.evicted_captures, "capture")}`,
    ...detail.refused.map(({ what, why }) => `kept ${what}: it ${WHY[why]}`),
  ].filter((part) => part !== false)
  if (parts.length === 0) return "Nothing was due"
  const text = parts.join("; ")
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export interface DayCell {
  readonly day: string
  readonly percent: number | null
  readonly tone: Tone
  readonly title: string
  /** Times whose requests may be incomplete. */
  readonly gaps: number
}

export interface HostStrip {
  readonly host: string
  readonly cells: readonly DayCell[]
  /** All days together; null where nothing is known. */
  readonly percent: number | null
  readonly label: string
}

const DAY_MS = 86_400_000

/** One strip per host, the oldest day first. A day without a row has an empty cell. */
export function hostStrips(rows: readonly CompletenessRow[], nowMs: number, days: number): HostStrip[] {
  const shown = Array.from({ length: days }, (_, n) =>
    new Date(nowMs - (days - 1 - n) * DAY_MS).toISOString().slice(0, 10),
  )
  const byHost = Map.groupBy(rows, (row) => row.provider_id)
  return [...byHost]
    .map(([host, own]) => {
      const byDay = new Map(own.map((row) => [row.day, row]))
      const cells = shown.map((day) => cellOf(day, byDay.get(day) ?? null))
      const percent = together(shown.flatMap((day) => byDay.get(day) ?? []))
      return { host, cells, percent, label: labelOf(host, cells, percent) }
    })
    .sort((a, b) => (a.host < b.host ? -1 : 1))
}

function cellOf(day: string, row: CompletenessRow | null): DayCell {
  const percent = row?.percent ?? null
  const gaps = row?.gaps ?? 0
  const gap = gaps > 0 ? `, ${plural(gaps, "time")} whose requests may be incomplete` : ""
  const title =
    percent === null ? `${day}: nothing was expected` : `${day}: ${percentText(percent)} of the samples${gap}`
  return { day, percent, gaps, title, tone: toneOf(percent) }
}

function together(rows: readonly CompletenessRow[]): number | null {
  const known = rows.filter((row) => row.expected_s !== null)
  const expected = known.reduce((sum, row) => sum + (row.expected_s ?? 0), 0)
  const present = known.reduce((sum, row) => sum + Math.min(row.present_s, row.expected_s ?? 0), 0)
  return expected === 0 ? null : Math.floor((present / expected) * 10_000) / 100
}

function labelOf(host: string, cells: readonly DayCell[], percent: number | null): string {
  const worst = cells
    .filter((cell) => cell.percent !== null)
    .sort((a, b) => (a.percent ?? 0) - (b.percent ?? 0))[0]
  if (!worst) return `${host}: nothing was expected in these days`
  const low =
    worst.percent === 100 ? "no day less" : `least on ${worst.day} with ${percentText(worst.percent)}`
  return `${host}: ${percentText(percent)} of ${plural(cells.length, "day")}, ${low}`
}
