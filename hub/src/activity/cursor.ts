import { BooError } from "@boocontrol/shared/errors"
import { RequestId } from "@boocontrol/shared/ids"
import { Instant } from "@boocontrol/shared/time"
import * as z from "zod/mini"

/** The last row of a page: the next one continues strictly after it. */
const PageEnd = z.object({ ts: Instant, id: RequestId })
export type PageEnd = z.infer<typeof PageEnd>

export function cursorOf({ ts, id }: PageEnd): string {
  return Buffer.from(`${ts} ${id}`).toString("base64url")
}

/** Throws BAD_CURSOR for anything that `cursorOf` did not make. */
export function readCursor(cursor: string): PageEnd {
  const [ts, id] = Buffer.from(cursor, "base64url").toString("utf8").split(" ")
  const parsed = PageEnd.safeParse({ ts, id })
  if (!parsed.success || Number.isNaN(Date.parse(parsed.data.ts))) throw new BooError("BAD_CURSOR")
  return parsed.data
}
