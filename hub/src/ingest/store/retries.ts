import { createHash } from "node:crypto"
import { DEAD_LETTER_REASONS } from "@boocontrol/shared/retention"
import type { DeadLetterRetry } from "@boocontrol/shared/retention"
import * as z from "zod/mini"
import type { Sql } from "../../platform/postgres.ts"
import type { Rejected } from "../ports.ts"

/** A message that was kept, to be read once more. */
export interface KeptLetter {
  readonly id: number
  readonly subject: string
  readonly reason: string
  /** As it came; null where it is not there any more, or not as it came. */
  readonly payload: Uint8Array | null
}

const Rows = z.array(
  z.object({
    id: z.int(),
    subject: z.string(),
    reason: z.enum(DEAD_LETTER_REASONS),
    payload: z.nullable(z.instanceof(Uint8Array)),
    digest: z.string(),
  }),
)

// All of a batch is held at once: letters may have half a megabyte each.
const BYTES_AT_ONCE = 16 * 1024 * 1024

/** The oldest letters of these, as many as are tried at once. */
export async function keptLetters(
  sql: Sql,
  { reason, provider_id: host, ids, after = 0, limit }: DeadLetterRetry,
): Promise<KeptLetter[]> {
  const rows = await sql`
    with wanted as (
      select id,
        coalesce(sum(octet_length(payload)) over (order by id), 0) - coalesce(octet_length(payload), 0) as bytes_before
      from control_dead_letters
      where id > ${after}
        and ${reason === undefined ? sql`true` : sql`reason = ${reason}`}
        and ${host === undefined ? sql`true` : sql`provider_id = ${host}`}
        and ${ids === undefined ? sql`true` : sql`id = any(${ids}::bigint[])`}
      order by id
      limit ${limit})
    select id, subject, reason, payload, digest
    from control_dead_letters join wanted using (id)
    where bytes_before < ${BYTES_AT_ONCE}
    order by id`
  return Rows.parse([...rows]).map(({ digest, payload, ...letter }) => ({
    ...letter,
    payload: payload !== null && digestOf(payload) === digest ? payload : null,
  }))
}

/**
 * These are stored. A row at which others were counted goes on to stand for those, of which nothing is kept: they are not
 * stored, and must not be forgotten with it.
 */
export async function letterStored(sql: Sql, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  const problem = "messages of this kind came by the thousand and were only counted: nothing of them is kept"
  await sql.begin(async (tx) => {
    await tx`
      update control_dead_letters set payload = null, problem = ${problem}, more = more - 1
      where id = any(${[...ids]}::bigint[]) and more > 0 and payload is not null`
    await tx`delete from control_dead_letters where id = any(${[...ids]}::bigint[]) and payload is not null`
  })
}

/** Why they could not be stored this time. */
export async function letterStillDead(
  sql: Sql,
  letters: readonly { id: number; rejected: Pick<Rejected, "reason" | "problem"> }[],
): Promise<void> {
  if (letters.length === 0) return
  const rows = letters.map(({ id, rejected: { reason, problem } }) => ({
    ...{ id, reason, problem: storable(problem) },
  }))
  await sql`
    update control_dead_letters as letter set reason = r.reason, problem = r.problem
    from json_to_recordset(${sql.json(rows)}::json) as r(id bigint, reason text, problem text)
    where letter.id = r.id`
}

export function digestOf(payload: Uint8Array | string): string {
  return createHash("sha256").update(payload).digest("hex")
}

export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD").slice(0, 2_000)
}
