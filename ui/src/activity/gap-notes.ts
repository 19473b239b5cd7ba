import type { ModelEventRow } from "@boocontrol/shared/models"
import type { Instant } from "@boocontrol/shared/time"
import type { Api } from "../platform/api.ts"
import { GAP_KINDS } from "./gaps.ts"

const eventPage = async () => (await import("../platform/schemas.ts")).ModelEventPage

const PAGE_ROWS = 1000
// An engine that was restarted five thousand times has another trouble; without an end a page would never be drawn.
const MOST_PAGES = 5

export interface GapNotesWanted {
  /** None: all. */
  readonly hosts: readonly string[]
  /** Only gaps that ended after it. */
  readonly from?: Instant
}

/**
 * What hosts noted of requests that are or may be missing, newest first. A gap is noted when it is over, so that no end is
 * asked for: the note of an outage stands after every moment within it, by however long the outage was.
 */
export async function gapNotes(api: Api, { hosts, from }: GapNotesWanted): Promise<ModelEventRow[]> {
  const rows: ModelEventRow[] = []
  const wanted = { provider_id: hosts, model: "*", state: GAP_KINDS, from, limit: PAGE_ROWS }
  let cursor: string | null = null
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page: { rows: ModelEventRow[]; next: string | null } = await api.get("model-events", eventPage, {
      query: { ...wanted, cursor },
    })
    rows.push(...page.rows)
    cursor = page.next
    if (cursor === null) break
  }
  return rows
}
