import type { BootId } from "@boocontrol/shared/ids"
import type { EventKind } from "@boocontrol/shared/subjects"
import type { LossReason, SpoolLoss } from "./ports.ts"

export interface LostMessage {
  kind: EventKind
  boot: BootId
  seq: number
  atMs: number
}

/** One note holds as many ranges; it must stay far below the largest message. */
const MAX_RANGES = 500

export function emptyLoss(reason: LossReason): SpoolLoss {
  return { reason, count: 0, byKind: {}, fromMs: Infinity, toMs: -Infinity, seqs: [] }
}

/** Counts one more message in `loss`. */
export function addLost(loss: SpoolLoss, { kind, boot, seq, atMs }: LostMessage): void {
  loss.count += 1
  loss.byKind[kind] = (loss.byKind[kind] ?? 0) + 1
  loss.fromMs = Math.min(loss.fromMs, atMs)
  loss.toMs = Math.max(loss.toMs, atMs)
  addSeq(loss, boot, seq)
}

export function addSeq(loss: SpoolLoss, boot: BootId, seq: number): void {
  let known = loss.seqs.find((one) => one.boot === boot)
  if (!known) loss.seqs.push((known = { boot, ranges: [] }))
  const { ranges } = known
  // Messages are lost oldest first, so nearly every one continues the last range.
  let index = ranges.length
  while (index > 0 && (ranges[index - 1]?.[0] ?? 0) > seq) index -= 1
  const before = ranges[index - 1]
  if (before && seq <= before[1]) return
  const after = ranges[index]
  const joinsBefore = before !== undefined && before[1] + 1 === seq
  const joinsAfter = after !== undefined && after[0] - 1 === seq
  if (joinsBefore && joinsAfter) {
    before[1] = after[1]
    ranges.splice(index, 1)
  } else if (joinsBefore) before[1] = seq
  else if (joinsAfter) after[0] = seq
  else ranges.splice(index, 0, [seq, seq])
  if (ranges.length > MAX_RANGES) coarsen(ranges)
}

/** Closes the smallest hole: a range too wide hides nothing, for what is stored is no hole. */
function coarsen(ranges: [number, number][]): void {
  let best = 1
  const hole = (index: number) => (ranges[index]?.[0] ?? 0) - (ranges[index - 1]?.[1] ?? 0)
  for (let index = 2; index < ranges.length; index += 1) if (hole(index) < hole(best)) best = index
  const [removed] = ranges.splice(best, 1)
  const kept = ranges[best - 1]
  if (removed && kept) kept[1] = removed[1]
}
