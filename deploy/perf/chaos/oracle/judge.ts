import type { ChaosHost } from "../fleet.ts"
import type { Span } from "../unit.ts"
import { droppedIn, gapsIn } from "./history.ts"
import type { DeadLetter, History, Note } from "./history.ts"
import { emittedBy, judgeRows } from "./rows.ts"
import type { RecordedGap, RowVerdict } from "./rows.ts"
import { holesIn, judgeSamples, missingSeqs } from "./samples.ts"
import type { Sample, SampleVerdict } from "./samples.ts"
import { readStreams } from "./streams.ts"

export interface HostTelemetry {
  host: string
  /** Messages that were numbered and are in no stream. */
  missing: number
  /** Of these, how many a note tells of. */
  dropped: number
  /** Spans without a sample, though the sidecar was there. */
  holes: Span[]
  awayMs: number
  /** Samples of its own per second that the sidecar was there. */
  perSecond: number
  /** Times it was dead or frozen for long, and those of them that the engine's samples did not fill. */
  downtimes: number
  unfilled: Span[]
}

export interface Verdict {
  rows: RowVerdict
  gaps: RecordedGap[]
  notes: Note[]
  samples: SampleVerdict
  telemetry: HostTelemetry[]
  deadLetters: DeadLetter[]
  unreadable: number
  /** Notes that stand in the streams and not in history. */
  notesLost: { host: string; kind: string; tsMs: number }[]
}

export async function rowsNow(hosts: readonly ChaosHost[], history: History): Promise<RowVerdict> {
  const [rows, notes] = [await history.rows(), await history.notes()]
  return judgeRows(
    hosts.flatMap(({ id, ledger }) => emittedBy(id, ledger)),
    rows,
    gapsIn(notes),
  )
}

// A batch is five samples, and a machine under load is late.
const LONGEST_HOLE_MS = 15_000
const LEEWAY_MS = 20_000

export interface Evidence {
  hosts: readonly ChaosHost[]
  history: History
  natsUrl: string
  watched: Span
}

export async function judge({ hosts, history, natsUrl, watched }: Evidence): Promise<Verdict> {
  const rows = await rowsNow(hosts, history)
  const notes = await history.notes()
  const streams = await readStreams(natsUrl)
  const stored = await history.samples()
  const missing = missingSeqs(streams.messages)
  const telemetry = hosts.map((host): HostTelemetry => {
    const own = stored.filter((sample) => sample.host === host.id)
    const awayMs = host.sidecar.away().reduce((sum, span) => sum + lengthWithin(span, watched), 0)
    const downtimes = host.sidecar
      .away()
      .filter((span) => lengthWithin(span, watched) >= LONG_DOWNTIME_MS && span.toMs < watched.toMs)
    return {
      host: host.id,
      missing: missing.filter((message) => message.host === host.id).length,
      dropped: droppedIn(notes, host.id),
      holes: holesOf(host, own, watched),
      awayMs,
      perSecond: ownSamples(host, own, watched) / ((watched.toMs - watched.fromMs - awayMs) / 1000),
      downtimes: downtimes.length,
      unfilled: downtimes.filter((span) => !isFilled(span, own)),
    }
  })
  return {
    ...{ rows, notes, telemetry },
    gaps: gapsIn(notes),
    notesLost: streams.notes.filter((sent) => !notes.some((note) => isNote(note, sent))),
    samples: judgeSamples(streams.samples, stored),
    deadLetters: await history.deadLetters(),
    unreadable: streams.unreadable,
  }
}

// The engine samples every 5 s, and keeps none from before its own start.
const LONG_DOWNTIME_MS = 7_000

function lengthWithin(span: Span, watched: Span): number {
  return Math.max(0, Math.min(span.toMs, watched.toMs) - Math.max(span.fromMs, watched.fromMs))
}

function isFilled({ fromMs, toMs }: Span, samples: readonly Sample[]): boolean {
  return samples.some(({ tsMs, source }) => source === "llama-swap" && tsMs > fromMs && tsMs < toMs)
}

function ownSamples(host: ChaosHost, samples: readonly Sample[], watched: Span): number {
  const offsets = [0, ...new Set(host.clockShifts.map(({ offsetMs }) => offsetMs))]
  const isWatched = ({ tsMs }: Sample): boolean =>
    offsets.some((offset) => tsMs - offset >= watched.fromMs && tsMs - offset <= watched.toMs)
  return samples.filter((sample) => sample.source !== "llama-swap" && isWatched(sample)).length
}

function isNote(note: Note, sent: { host: string; kind: string; tsMs: number }): boolean {
  return note.provider_id === sent.host && note.kind === sent.kind && note.tsMs === sent.tsMs
}

/** Holes by the true time, and, while the clock was wrong, by the wrong one. */
function holesOf(host: ChaosHost, samples: readonly Sample[], watched: Span): Span[] {
  const times = samples.map(({ tsMs }) => tsMs)
  const away = host.sidecar.away()
  const coverage = { leewayMs: LEEWAY_MS, longestMs: LONGEST_HOLE_MS }
  const shifts = host.clockShifts
  const trueHoles = holesIn(times, { ...coverage, watched, excused: [...away, ...shifts] })
  const shifted = shifts.flatMap((shift) => {
    const shiftedTimes = times.map((ms) => ms - shift.offsetMs)
    return holesIn(shiftedTimes, { ...coverage, watched: shift, excused: away })
  })
  return [...trueHoles, ...shifted]
}

export function isClean({ rows, samples, telemetry, deadLetters, unreadable, notesLost }: Verdict): boolean {
  return (
    rows.lost.length + rows.doubled.length + rows.invented.length === 0 &&
    samples.lost.length + samples.doubled.length === 0 &&
    telemetry.every(({ missing, dropped, holes }) => missing === dropped && holes.length === 0) &&
    deadLetters.length + unreadable + notesLost.length === 0
  )
}
