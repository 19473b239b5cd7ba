import type { Sql } from "../platform/postgres.ts"
import type { Log } from "../platform/log.ts"
import type { Gone } from "../platform/streams.ts"
import type { StreamName } from "@boocontrol/shared/subjects"
import type { OnRejected } from "./ports.ts"
import { storeDeadLetters } from "./store/dead-letters.ts"

export interface GoneMessages extends Gone {
  /** Sequences that this hub had in hand and gave back. */
  given: readonly number[]
}

/** Keeps a record of messages that left a stream unread, or unstored as far as anybody knows. */
export async function recordGone(
  { unread, unsure, given }: GoneMessages,
  options: { log: Log; sql: Sql; stream: StreamName; onRejected: OnRejected },
): Promise<void> {
  if (unread !== null) {
    const what = `${unread.to - unread.from + 1} messages, sequence ${unread.from} to ${unread.to},`
    await record({ from: unread.from, problem: `${what} left the stream before any hub read them` }, options)
  }
  const known = new Set(given)
  for (let seq = unsure?.from ?? 1; seq <= (unsure?.to ?? 0); seq++) known.add(seq)
  if (known.size === 0) return
  const sorted = [...known].sort((a, b) => a - b)
  const from = sorted[0] ?? 0
  // Not a bare number: an acknowledgement that NATS lost, or a hub that still had one in hand, would make it a lie.
  const problem = `up to ${known.size} messages, sequence ${from} to ${sorted.at(-1)}, left the stream after they were read and before anybody said that they are stored`
  await record({ from, problem }, options)
}

async function record(
  { from, problem }: { from: number; problem: string },
  { log, sql, stream, onRejected }: Parameters<typeof recordGone>[1],
): Promise<void> {
  log.error({ stream, from }, problem)
  const letter = { host: null, kind: null, subject: "", stream, streamSeq: from, payload: null }
  await storeDeadLetters(sql, [{ ...letter, reason: "aged-out", problem }])
  onRejected({ host: null, kind: null, reason: "aged-out", problem })
}
