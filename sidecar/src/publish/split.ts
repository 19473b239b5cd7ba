import { MAX_MESSAGE_BYTES } from "@boocontrol/shared/envelope"
import type { EventData } from "@boocontrol/shared/envelope"
import { TRUNCATION_MARK } from "@boocontrol/shared/logs"
import type { EventKind } from "@boocontrol/shared/subjects"

/** Room that the envelope around the data takes, with a host id of full length. */
const ENVELOPE_BYTES = 512
export const MAX_DATA_BYTES = MAX_MESSAGE_BYTES - ENVELOPE_BYTES

/** Data of a kind as JSON texts that each fit one message, in order. Empty where even one item cannot be made to fit. */
export function jsonParts<K extends EventKind>(
  kind: K,
  data: EventData[K],
  limit = MAX_DATA_BYTES,
): string[] {
  const text = JSON.stringify(data)
  // No character of a string is less than one byte or, in JSON text, more than three.
  if (text.length * 3 <= limit || Buffer.byteLength(text) <= limit) return [text]
  const halves = halved(kind, data)
  if (halves) return halves.flatMap((half) => jsonParts(kind, half, limit))
  const cut = cutToFit(data, limit)
  return cut === null ? [] : [cut]
}

/** The two halves of what a message lists; null where it lists one item or is no list. */
function halved<K extends EventKind>(kind: K, data: EventData[K]): EventData[K][] | null
function halved(kind: EventKind, data: EventData[EventKind]): EventData[EventKind][] | null {
  if (kind === "activity" && "rows" in data) {
    const { rows, enrichments = [] } = data
    if (rows.length > 0 && enrichments.length > 0) return [{ rows }, { rows: [], enrichments }]
    if (enrichments.length > 1) return inTwo(enrichments, (half) => ({ rows: [], enrichments: half }))
    return rows.length > 1 ? inTwo(rows, (half) => ({ rows: half })) : null
  }
  if (kind === "perf" && "samples" in data)
    return data.samples.length > 1 ? inTwo(data.samples, (samples) => ({ samples })) : null
  if (kind === "log" && "lines" in data) {
    if (data.lines.length <= 1) return null
    // Lines that were lost before these were lost once.
    const { dropped, ...rest } = data
    const [first, second] = inTwo(data.lines, (lines) => ({ ...rest, lines }))
    return first && second ? [dropped === undefined ? first : { ...first, dropped }, second] : null
  }
  return null
}

function inTwo<Item, Part>(items: readonly Item[], part: (half: Item[]) => Part): Part[] {
  const middle = Math.ceil(items.length / 2)
  return [part(items.slice(0, middle)), part(items.slice(middle))]
}

/** Cuts long strings, first the very long ones, until the rest fits. */
function cutToFit(data: unknown, limit: number): string | null {
  for (const longest of [16_384, 2_048, 256]) {
    const text = JSON.stringify(data, (_, value: unknown) =>
      typeof value === "string" && value.length > longest ? value.slice(0, longest) + TRUNCATION_MARK : value,
    )
    if (Buffer.byteLength(text) <= limit) return text
  }
  return null
}
