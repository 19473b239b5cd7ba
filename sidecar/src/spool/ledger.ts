import type { EventKind } from "@boocontrol/shared/subjects"
import { addLost, emptyLoss } from "./losses.ts"
import type { LostMessage } from "./losses.ts"
import type { LossReason, SpoolLoss } from "./ports.ts"

interface Entry {
  loss: SpoolLoss
  settle: (() => Promise<void>) | null
}

/** What was lost: gathered by reason until it is told. */
export interface Ledger {
  add(message: LostMessage, reason: LossReason): void
  /** Messages of which little is known; none is older than `sinceMs`. */
  addUnknown(lost: { count: number; kind: EventKind | null; sinceMs: number }): void
  /** A loss to be told by itself, and what is to be done when it was. */
  found(loss: SpoolLoss, settle: () => Promise<void>): void
  take(): SpoolLoss[]
  told(loss: SpoolLoss): Promise<void>
  /** How many messages, since the start. */
  count(): number
}

export function createLedger(onLoss: () => void): Ledger {
  const untold = new Map<LossReason, Entry>()
  const found: Entry[] = []
  const taken = new Map<SpoolLoss, Entry>()
  let count = 0

  function entryOf(reason: LossReason): Entry {
    const known = untold.get(reason)
    if (known) return known
    const entry = { loss: emptyLoss(reason), settle: null }
    untold.set(reason, entry)
    return entry
  }

  return {
    add(message, reason) {
      count += 1
      addLost(entryOf(reason).loss, message)
      onLoss()
    },
    addUnknown(lost) {
      count += lost.count
      const { loss } = entryOf("corrupt")
      loss.count += lost.count
      if (lost.kind !== null) loss.byKind[lost.kind] = (loss.byKind[lost.kind] ?? 0) + lost.count
      loss.fromMs = Math.min(loss.fromMs, lost.sinceMs)
      loss.toMs = Math.max(loss.toMs, lost.sinceMs)
      onLoss()
    },
    found(loss, settle) {
      count += loss.count
      found.push({ loss, settle })
      onLoss()
    },
    take() {
      const entries = [...found, ...untold.values()]
      found.length = 0
      untold.clear()
      for (const entry of entries) taken.set(entry.loss, entry)
      return entries.map(({ loss }) => loss)
    },
    async told(loss) {
      const entry = taken.get(loss)
      taken.delete(loss)
      await entry?.settle?.()
    },
    count: () => count,
  }
}
