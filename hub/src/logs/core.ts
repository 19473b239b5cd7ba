import { LOG_TAIL_LINES } from "@boocontrol/shared/logs"
import type { LogBatch } from "@boocontrol/shared/logs"

/** The last lines of one host, in the batches they came in, oldest first. */
export interface LogRing {
  readonly batches: readonly LogBatch[]
  readonly lines: number
}

export const EMPTY_RING: LogRing = { batches: [], lines: 0 }

/** Adds a batch; what is beyond the last `LOG_TAIL_LINES` is forgotten, oldest first. */
export function keepLines(ring: LogRing, batch: LogBatch): LogRing {
  const batches = [...ring.batches, batch]
  const lines = ring.lines + batch.lines.length
  return lines <= LOG_TAIL_LINES ? { batches, lines } : lastLines(batches, LOG_TAIL_LINES)
}

export interface LogFilter {
  readonly source?: LogBatch["source"] | undefined
  readonly model?: string | undefined
  readonly tail: number
}

/** The last lines that a reader asked for. */
export function tailOf(ring: LogRing, { source, model, tail }: LogFilter): readonly LogBatch[] {
  const wanted = ring.batches.filter(
    (batch) =>
      (source === undefined || batch.source === source) && (model === undefined || batch.model === model),
  )
  return lastLines(wanted, tail).batches
}

function lastLines(batches: readonly LogBatch[], count: number): LogRing {
  const kept: LogBatch[] = []
  let lines = 0
  for (const batch of batches.toReversed()) {
    if (lines >= count) break
    const rest = count - lines
    const whole = batch.lines.length <= rest
    kept.push(whole ? batch : { ...batch, lines: batch.lines.slice(-rest) })
    lines += whole ? batch.lines.length : rest
  }
  return { batches: kept.reverse(), lines }
}
