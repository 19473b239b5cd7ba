import type { Verdict } from "./oracle/judge.ts"
import type { EmittedRow } from "./oracle/rows.ts"
import type { Application } from "./schedule.ts"

// What a fault did may show some seconds after it is mended.
const AFTERMATH_MS = 5_000

const HEADS = ["fault", "times", "emitted", "stored", "recorded", "LOST", "DOUBLED"]

/** One line per fault, with the rows of the hosts it met while it lasted, and one of all. */
export function faultTable(applied: readonly Application[], { rows }: Verdict): string {
  const names = [...new Set(applied.map(({ fault }) => fault))].sort()
  const lines = names.map((name) => {
    const times = applied.filter(({ fault }) => fault === name)
    const count = (list: readonly EmittedRow[]) =>
      list.filter((row) => times.some((time) => isWithin(time, row.host, row.tsMs))).length
    const doubled = [...rows.doubled, ...rows.invented].filter((row) =>
      times.some((time) => isWithin(time, row.provider_id, row.tsMs)),
    )
    return [
      ...[name, times.length, count(rows.emitted), count(rows.stored)],
      ...[count(rows.recorded), count(rows.lost), doubled.length],
    ]
  })
  const sums = [rows.emitted, rows.stored, rows.recorded, rows.lost].map((list) => list.length)
  const all = ["all of the run", applied.length, ...sums, rows.doubled.length + rows.invented.length]
  return [HEADS, ...lines, all].map((cells) => cells.map(cell).join("")).join("\n")
}

function cell(value: string | number, index: number): string {
  return index === 0 ? String(value).padEnd(26) : String(value).padStart(10)
}

function isWithin({ host, fromMs, toMs }: Application, rowHost: string, tsMs: number): boolean {
  // Times of rows may be whole seconds.
  return (host === null || host === rowHost) && tsMs >= fromMs - 1_000 && tsMs <= toMs + AFTERMATH_MS
}

export function telemetryLines(verdict: Verdict): string {
  const { samples, telemetry, notes, deadLetters, unreadable, gaps, notesLost } = verdict
  const missing = telemetry.reduce((sum, one) => sum + one.missing, 0)
  const dropped = telemetry.reduce((sum, one) => sum + one.dropped, 0)
  const holes = telemetry.flatMap((one) => one.holes.map((span) => ({ host: one.host, ...span })))
  const awayS = telemetry.reduce((sum, one) => sum + one.awayMs, 0) / 1000
  const kinds = new Map<string, number>()
  for (const { kind } of notes) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  const gapS = gaps.reduce((sum, { fromMs, toMs }) => sum + (fromMs === null ? 0 : toMs - fromMs), 0) / 1000
  const perSecond = telemetry.map((one) => one.perSecond).sort((a, b) => a - b)
  const downtimes = telemetry.reduce((sum, one) => sum + one.downtimes, 0)
  const unfilled = telemetry.flatMap((one) => one.unfilled)
  return [
    `samples   sent ${samples.sent}   stored ${samples.stored}   LOST ${samples.lost.length}   DOUBLED ${samples.doubled.length}`,
    `messages  missing numbers ${missing}, of which notes tell ${dropped}; unreadable ${unreadable}; dead letters ${deadLetters.length}`,
    `holes     ${holes.length} spans without samples that nothing explains (sidecars were away for ${awayS.toFixed(0)} s in all)`,
    ...holes
      .slice(0, 20)
      .map(({ host, fromMs, toMs }) => `          ${host} ${time(fromMs)} to ${time(toMs)}`),
    `seconds   own samples per second of presence: lowest ${perSecond[0]?.toFixed(3)}, median ${perSecond[Math.floor(perSecond.length / 2)]?.toFixed(3)}`,
    `downtimes ${downtimes} of 7 s and more, ${unfilled.length} not filled from the engine's own samples`,
    `notes     lost ${notesLost.length}; ${[...kinds].map(([kind, count]) => `${kind} ${count}`).join(", ")}; gaps span ${gapS.toFixed(0)} s in all`,
  ].join("\n")
}

export function rowLines({ rows }: Verdict): string {
  const lines = [
    ...rows.lost.map(
      (row) =>
        `lost      ${row.host} store ${row.store} id ${row.row.id} at ${time(row.tsMs)} ${row.row.model}`,
    ),
    ...rows.doubled.map(
      (row) => `doubled   ${row.provider_id} id ${row.swap_entry_id} at ${time(row.tsMs)} ${row.swap_epoch}`,
    ),
    ...rows.invented.map(
      (row) => `invented  ${row.provider_id} id ${row.swap_entry_id} at ${time(row.tsMs)} ${row.swap_epoch}`,
    ),
  ]
  return lines.slice(0, 40).join("\n")
}

function time(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23)
}
