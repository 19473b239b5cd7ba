import { createHash } from "node:crypto"
import type { Sql } from "../platform/postgres.ts"
import type { Rejected } from "./ports.ts"

export interface DeadLetter extends Rejected {
  subject: string
  stream: string
  streamSeq: number
  /** Null where the message itself is gone. */
  payload: Uint8Array | null
}

/** Keeps messages that cannot be stored, once each however often they are delivered. */
export async function storeDeadLetters(sql: Sql, letters: readonly DeadLetter[]): Promise<void> {
  for (const letter of letters) {
    const payload = letter.payload === null ? null : Buffer.from(letter.payload)
    const digest = createHash("sha256")
      .update(payload ?? "")
      .digest("hex")
    await sql`
      insert into control_dead_letters
        (provider_id, kind, subject, stream, stream_seq, reason, problem, payload, digest)
      values (${letter.host}, ${letter.kind}, ${storable(letter.subject)}, ${letter.stream}, ${letter.streamSeq},
        ${letter.reason}, ${storable(letter.problem)}, ${payload}, ${digest})
      on conflict (stream, stream_seq, digest) do nothing`
  }
}

function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD").slice(0, 2_000)
}
