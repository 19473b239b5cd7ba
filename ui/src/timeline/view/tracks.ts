import type { HostAction } from "@boocontrol/shared/actions"
import type { ActivityRow } from "@boocontrol/shared/activity"
import type { HostLease } from "@boocontrol/shared/leases"
import type { ModelEventRow } from "@boocontrol/shared/models"
import type { SwapsReply } from "@boocontrol/shared/swaps"
import type { PerfReply, SeriesPoint } from "@boocontrol/shared/telemetry"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import { actionWords } from "../../actions/view.ts"
import { notesOf } from "../../hosts/view/timeline.ts"
import { clockTime, count, decimal, duration, gib, plural } from "../../kit/format.ts"

/** One request as a bar: from when it arrived, as its end and duration say, to its end. */
export interface RequestBar {
  readonly id: string
  readonly model: string
  readonly fromMs: number
  readonly toMs: number
  readonly failed: boolean
  readonly words: string
}

export function requestBars(rows: readonly ActivityRow[]): RequestBar[] {
  return rows.map((row) => {
    const toMs = epochMsOf(row.ts)
    const failed = row.error !== null || (row.status_code ?? 0) >= 400
    return {
      ...{ id: row.id, model: row.model, fromMs: toMs - (row.duration_ms ?? 0), toMs, failed },
      words: requestWords(row),
    }
  })
}

function requestWords(row: ActivityRow): string {
  const tokens =
    row.prompt_tokens === null && row.output_tokens === null
      ? null
      : `${count(row.prompt_tokens)} in, ${count(row.output_tokens)} out`
  const failure = row.error ?? ((row.status_code ?? 0) >= 400 ? `status ${row.status_code}` : null)
  return [row.source ?? "source not known", duration(row.duration_ms), tokens, failure]
    .filter((part) => part !== null)
    .join(" · ")
}

/** A moment or a stretch that somebody should look at: notes, actions, the lease in force, models that thrash. */
export interface Mark {
  readonly fromMs: number
  readonly toMs: number
  readonly text: string
  readonly tone: "bad" | "warn" | "lease" | "muted"
}

export interface MarksGiven {
  readonly events: readonly ModelEventRow[]
  readonly swaps: SwapsReply | null
  readonly actions: readonly HostAction[]
  readonly lease: HostLease | null
}

export function marksOf({ events, swaps, actions, lease }: MarksGiven): Mark[] {
  const notes = notesOf(events).map((note): Mark => {
    const text = note.detail === null ? note.text : `${note.text}: ${note.detail}`
    // A gap is where something is missing, not where that was noticed.
    const toMs = note.gap?.toMs ?? epochMsOf(note.at)
    return { fromMs: note.gap?.fromMs ?? toMs, toMs, text, tone: note.bad ? "bad" : "muted" }
  })
  const thrash = (swaps?.thrash ?? []).map((mark): Mark => {
    const fromMs = epochMsOf(mark.from)
    const toMs = epochMsOf(mark.to)
    return { fromMs, toMs, text: thrashWords(mark), tone: "warn" }
  })
  return [...notes, ...thrash, ...actions.map(actionMark), ...(lease ? [leaseMark(lease)] : [])].sort(
    (a, b) => a.fromMs - b.fromMs,
  )
}

function actionMark(action: HostAction): Mark {
  const fromMs = epochMsOf(action.started_at ?? action.created_at)
  const toMs = action.ended_at === null ? fromMs : Math.max(fromMs, epochMsOf(action.ended_at))
  const outcome = action.reason === null ? action.state : `${action.state}: ${action.reason}`
  const tone = action.state === "failed" ? "bad" : "muted"
  return { fromMs, toMs, text: `${actionWords(action)} by ${action.actor}, ${outcome}`, tone }
}

/** From when it was given to when it ends by itself; drawn as far as the window goes. */
function leaseMark({ holder, purpose, granted_at, expires_at }: HostLease): Mark {
  const text = `leased to ${holder}: ${purpose}`
  return { fromMs: epochMsOf(granted_at), toMs: epochMsOf(expires_at), text, tone: "lease" }
}

/** `a and b swapped 14 times in 10m`. */
export function thrashWords({ models: [a, b], swaps, from, to }: SwapsReply["thrash"][number]): string {
  return `${a} and ${b} swapped ${plural(swaps, "time")} in ${duration(epochMsOf(to) - epochMsOf(from))}`
}

export type Point = readonly [ms: number, value: number | null]

/** One metric of all GPUs together. A moment at which one of several cards has no reading is unknown. */
export function totalOf(perf: PerfReply, metric: "power_w" | "mem_used_mib"): SeriesPoint[] {
  const cards = perf.gpus.map((gpu) => gpu.series[metric] ?? []).filter((points) => points.length > 0)
  const [first, ...others] = cards
  if (!first) return []
  if (others.length === 0) return first
  const rest = others.map((points) => new Map(points.map((point) => [point.ts, point.mean])))
  return first.map(({ ts, mean }) => {
    const sum = rest.reduce<number | null>((all, points) => {
      const one = points.get(ts) ?? null
      return all === null || one === null ? null : all + one
    }, mean)
    return { ts, mean: sum, min: sum, max: sum }
  })
}

export interface Readout {
  readonly time: string
  readonly power: string | null
  readonly vram: string | null
}

/** What was measured at a moment: of the step it lies in, nothing where that has no reading. */
export function readoutAt(perf: PerfReply | null, ms: number): Readout {
  const near = (metric: "power_w" | "mem_used_mib"): number | null => {
    if (!perf) return null
    const at = instantOf(ms)
    const points = totalOf(perf, metric)
    const before = points.findLast((point) => point.ts <= at)
    const isNear = before !== undefined && ms - epochMsOf(before.ts) <= perf.step_s * 2_000
    return isNear ? before.mean : null
  }
  const power = near("power_w")
  const vram = near("mem_used_mib")
  return {
    time: clockTime(ms),
    power: power === null ? null : `${decimal(power)} W`,
    vram: vram === null ? null : `${gib(vram)} GiB`,
  }
}

export interface Entry {
  readonly key: string
  readonly atMs: number
  readonly kind: "request" | "model" | "note" | "thrash"
  readonly what: string
  readonly detail: string
  /** Set for a request that can be opened. */
  readonly requestId: string | null
  readonly bad: boolean
}

const MOST_ENTRIES = 400

/** What of a timeline's answer is within its window: a stretch is where any of it is. */
export function listed(
  { events, marks }: { events: readonly ModelEventRow[]; marks: readonly Mark[] },
  { fromMs, toMs }: { fromMs: number; toMs: number },
): { events: ModelEventRow[]; marks: Mark[] } {
  const isWithin = (startMs: number, endMs: number) => endMs >= fromMs && startMs <= toMs
  return {
    events: events.filter(({ ts }) => isWithin(epochMsOf(ts), epochMsOf(ts))),
    marks: marks.filter((mark) => isWithin(mark.fromMs, mark.toMs)),
  }
}

/** The same as the chart draws, as lines to read: newest first. */
export function entriesOf(given: {
  events: readonly ModelEventRow[]
  requests: readonly RequestBar[]
  marks: readonly Mark[]
}): { entries: Entry[]; cut: number } {
  const models = given.events
    .filter((event) => event.model !== "*")
    .map((event): Entry => {
      const reason = event.detail?.["reason"]
      return {
        ...{ key: `m ${event.model} ${event.state} ${event.ts}`, atMs: epochMsOf(event.ts), kind: "model" },
        ...{
          what: event.model,
          detail: typeof reason === "string" ? `${event.state}: ${reason}` : event.state,
        },
        ...{ requestId: null, bad: event.state === "error" },
      }
    })
  const requests = given.requests.map((bar): Entry => {
    const { id, model, toMs, words, failed } = bar
    const shown = { what: model, detail: words, requestId: id, bad: failed }
    return { key: `r ${id}`, atMs: toMs, kind: "request", ...shown }
  })
  const marks = given.marks.map((mark, index): Entry => {
    const kind = mark.tone === "warn" ? "thrash" : "note"
    const shown = { what: mark.text, detail: "", requestId: null, bad: mark.tone === "bad" }
    return { key: `n ${index} ${mark.fromMs}`, atMs: mark.fromMs, kind, ...shown }
  })
  const all = [...models, ...requests, ...marks].sort((a, b) => b.atMs - a.atMs)
  return { entries: all.slice(0, MOST_ENTRIES), cut: Math.max(0, all.length - MOST_ENTRIES) }
}
