import { AuditRow } from "@boocontrol/shared/audit"
import type { AuditQuery } from "@boocontrol/shared/audit"
import { BooError } from "@boocontrol/shared/errors"
import type { Page } from "@boocontrol/shared/http"
import { Instant } from "@boocontrol/shared/time"
import * as z from "zod/mini"
import type { Sql } from "../platform/postgres.ts"

const Cursor = z.tuple([Instant, z.int()])

/** What was done, newest first. */
export async function auditPage(
  sql: Sql,
  { provider_id, limit, cursor }: AuditQuery,
): Promise<Page<AuditRow>> {
  const after = cursor === undefined ? null : readCursor(cursor)
  const found = await sql`
    select id, at, actor, action, provider_id, detail from audit_log
    where true
      ${provider_id ? sql`and provider_id = ${provider_id}` : sql``}
      ${after ? sql`and (at, id) < (${after[0]}, ${after[1]})` : sql``}
    order by at desc, id desc limit ${limit + 1}`
  const rows = found.slice(0, limit).map((row) => AuditRow.parse(row))
  const last = found.length > limit ? rows.at(-1) : undefined
  return {
    rows,
    next: last ? Buffer.from(JSON.stringify([last.at, last.id])).toString("base64url") : null,
  }
}

function readCursor(text: string): z.infer<typeof Cursor> {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(text, "base64url").toString("utf8")))
  } catch (error) {
    throw new BooError("BAD_CURSOR", {}, error)
  }
}
