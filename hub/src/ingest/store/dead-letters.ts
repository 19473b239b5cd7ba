import type { Sql } from "../../platform/postgres.ts"
import type { Rejected } from "../ports.ts"
import { digestOf, storable } from "./retries.ts"

export interface DeadLetter extends Rejected {
  subject: string
  stream: string
  streamSeq: number
  /** Null where the message itself is gone. */
  payload: Uint8Array | null
}

// A statement holds its payloads a few times over while it is made: a batch of messages as large as NATS takes would be
// hundreds of megabytes.
const PAYLOAD_BYTES_AT_ONCE = 4 * 1024 * 1024

/** Keeps messages that cannot be stored, once each however often they are delivered. */
export async function storeDeadLetters(sql: Sql, letters: readonly DeadLetter[]): Promise<void> {
  for (const some of portions(letters)) {
    const rows = some.map(({ host, kind, stream, streamSeq, reason, ...letter }) => {
      const payload = letter.payload === null ? null : Buffer.from(letter.payload)
      return {
        ...{
          provider_id: host,
          kind,
          stream,
          stream_seq: streamSeq,
          reason,
          digest: digestOf(payload ?? ""),
        },
        ...{ subject: storable(letter.subject), problem: storable(letter.problem) },
        payload: payload?.toString("base64") ?? null,
      }
    })
    await sql`
      insert into control_dead_letters
        (provider_id, kind, subject, stream, stream_seq, reason, problem, payload, digest)
      select provider_id, kind, subject, stream, stream_seq, reason, problem, decode(payload, 'base64'), digest
      from json_to_recordset(${sql.json(rows)}::json) as r(provider_id text, kind text, subject text, stream text,
        stream_seq bigint, reason text, problem text, payload text, digest text)
      on conflict (stream, stream_seq, digest) do nothing`
  }
}

/**
 * Counts messages at the newest kept one of the same host and reason; where that was pruned, the first of them is kept.
 * A message that is delivered again is counted again.
 */
export async function countDeadLetters(sql: Sql, letters: readonly DeadLetter[]): Promise<void> {
  for (const alike of Object.values(
    Object.groupBy(letters, ({ host, reason }) => `${reason} ${host ?? ""}`),
  )) {
    const [first] = alike ?? []
    if (alike === undefined || first === undefined) continue
    const count = (more: number) => sql`
      update control_dead_letters set more = more + ${more}
      where id = (
        select id from control_dead_letters
        where provider_id is not distinct from ${first.host} and reason = ${first.reason}
        order by id desc limit 1)`
    if ((await count(alike.length)).count > 0) continue
    await storeDeadLetters(sql, [first])
    if (alike.length > 1) await count(alike.length - 1)
  }
}

function portions(letters: readonly DeadLetter[]): DeadLetter[][] {
  const all: DeadLetter[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const letter of letters) {
    const size = letter.payload?.length ?? 0
    const last = all.at(-1)
    if (last === undefined || bytes + size > PAYLOAD_BYTES_AT_ONCE) {
      all.push([letter])
      bytes = size
    } else {
      last.push(letter)
      bytes += size
    }
  }
  return all
}
