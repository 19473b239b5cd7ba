import type { DeadLetterCount, DeadLetterRetried } from "@boocontrol/shared/retention"
import { count, plural } from "../kit/format.ts"

/** What a reason means, and when it is worth a new try. */
const REASONS: Readonly<Record<string, string>> = {
  future: "tells of a time more than a day ahead: once the hub's clock is put right",
  unstorable: "Postgres or the hub refused it: once the fault is mended",
  unresolved: "adds to a row that never came: once that row is stored",
  version: "of a version that this hub does not know: once the hub is updated",
  shape: "does not look as it should: once a hub can read it",
  subject: "not sent to a subject of a host's events",
  identity: "says another host than its subject",
  "not-json": "no JSON",
  "too-large": "larger than a message may be",
  "aged-out": "left NATS before any hub read it",
}

export interface ReasonLine {
  readonly reason: string
  readonly total: string
  readonly meaning: string
  /** What is asked before they are tried again; null: nothing of them is kept. */
  readonly question: string | null
}

export function reasonLines(reasons: readonly DeadLetterCount[]): ReasonLine[] {
  return reasons.map(({ reason, total, kept }) => ({
    ...{ reason, total: count(total), meaning: REASONS[reason] ?? "" },
    question:
      kept === 0
        ? null
        : `Read ${plural(kept, "kept message")} once more? What can be stored now is stored and is no dead letter any more; the rest stays.`,
  }))
}

/** What became of all batches together, in words. */
export function outcomeOf(batches: readonly DeadLetterRetried[]): string {
  const sum = (of: (batch: DeadLetterRetried) => number): number =>
    batches.reduce((all, batch) => all + of(batch), 0)
  const [retried, stored] = [sum((one) => one.retried), sum((one) => one.stored)]
  const dead = new Map<string, number>()
  for (const one of batches.flatMap((batch) => batch.still_dead))
    dead.set(one.reason, (dead.get(one.reason) ?? 0) + one.count)
  const left = [...dead].map(([reason, many]) => `${count(many)} ${reason}`)
  const [notKept, off] = [sum(({ skipped }) => skipped.not_kept), sum(({ skipped }) => skipped.host_disabled)]
  const parts = [
    retried === 0 ? "Nothing was tried" : `${count(stored)} of ${count(retried)} stored`,
    ...(left.length > 0 ? [`still dead: ${left.join(", ")}`] : []),
    ...(off > 0 ? [`${count(off)} left alone, since their host is disabled`] : []),
    ...(notKept > 0 ? [`of ${count(notKept)} nothing is kept to try`] : []),
  ]
  return `${parts.join("; ")}.`
}
