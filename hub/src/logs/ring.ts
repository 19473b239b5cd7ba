import { deflateRawSync, inflateRawSync } from "node:zlib"
import { LOG_TAIL_LINES } from "@boocontrol/shared/logs"
import type { LogBatch } from "@boocontrol/shared/logs"

/**
 * The last lines of one host, in the batches they came in, oldest first. All but the newest are packed: nearly always
 * nobody asks for them, and two thousand lines of each of a thousand hosts are 250 MB as text, a tenth of that packed.
 */
export interface LogRing {
  readonly packed: readonly PackedBatches[]
  readonly batches: readonly LogBatch[]
  /** Of `batches`. */
  readonly lines: number
}

interface PackedBatches {
  readonly bytes: Uint8Array
  readonly lines: number
}

export const EMPTY_RING: LogRing = { packed: [], batches: [], lines: 0 }

/** Below this, packing saves little; more would be much to read again for who wants the last few lines. */
const PACK_FROM_LINES = 100
/** Quick: lines of logs are alike, and a better level gains a few percent. */
const PACKING = { level: 1 }

/** Adds a batch; packed lines that the last `LOG_TAIL_LINES` do not reach are forgotten. */
export function keepLines(ring: LogRing, batch: LogBatch): LogRing {
  const batches = [...ring.batches, batch]
  const lines = ring.lines + batch.lines.length
  if (lines < PACK_FROM_LINES) return { packed: ring.packed, batches, lines }
  // A copy with memory of its own: what deflate gives is the beginning of a piece many times as large, and a Buffer of a
  // few kilobytes is a part of 64 KB that it shares with others and would keep for all of them.
  const bytes = new Uint8Array(deflateRawSync(JSON.stringify(batches), PACKING))
  const packed = [...ring.packed, { bytes, lines }]
  let kept = packed.reduce((sum, one) => sum + one.lines, 0)
  const from = packed.findIndex((one) => (kept -= one.lines) < LOG_TAIL_LINES)
  return { packed: packed.slice(from), batches: [], lines: 0 }
}

/** The last `LOG_TAIL_LINES`. */
export function batchesOf({ packed, batches }: LogRing): readonly LogBatch[] {
  // What was packed is what was parsed once.
  const unpacked = packed.flatMap(
    ({ bytes }) => JSON.parse(inflateRawSync(bytes).toString("utf8")) as LogBatch[],
  )
  return lastLines([...unpacked, ...batches], LOG_TAIL_LINES)
}

export interface LogFilter {
  readonly source?: LogBatch["source"] | undefined
  readonly model?: string | undefined
  readonly tail: number
}

/** The last lines that a reader asked for. */
export function tailOf(ring: LogRing, { source, model, tail }: LogFilter): readonly LogBatch[] {
  const wanted = batchesOf(ring).filter(
    (batch) =>
      (source === undefined || batch.source === source) && (model === undefined || batch.model === model),
  )
  return lastLines(wanted, tail)
}

function lastLines(batches: readonly LogBatch[], count: number): LogBatch[] {
  const kept: LogBatch[] = []
  let lines = 0
  for (const batch of batches.toReversed()) {
    if (lines >= count) break
    const rest = count - lines
    const whole = batch.lines.length <= rest
    kept.push(whole ? batch : { ...batch, lines: batch.lines.slice(-rest) })
    lines += whole ? batch.lines.length : rest
  }
  return kept.reverse()
}
