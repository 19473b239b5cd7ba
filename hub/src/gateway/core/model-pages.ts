import { problems } from "./errors.ts"
import type { GatewayProblem } from "./errors.ts"

/** Which part of the list Anthropic's clients ask for. */
export interface PageAsked {
  readonly limit: number
  /** Begins behind this entry, or ends before it: one of the two at most. */
  readonly afterId: string | null
  readonly beforeId: string | null
}

/** As Anthropic documents them. */
const DEFAULT_LIMIT = 20
const MOST_LIMIT = 1000

export function pageAsked(target: string): PageAsked | GatewayProblem {
  const mark = target.indexOf("?")
  const query = new URLSearchParams(mark === -1 ? "" : target.slice(mark + 1))
  const given = query.get("limit")
  const limit = given === null ? DEFAULT_LIMIT : /^\d{1,9}$/.test(given) ? Number(given) : 0
  if (limit < 1 || limit > MOST_LIMIT)
    return badPage("limit", `must be a whole number from 1 to ${MOST_LIMIT}, not ${JSON.stringify(given)}`)
  const [afterId, beforeId] = [query.get("after_id"), query.get("before_id")]
  if (afterId !== null && beforeId !== null)
    return badPage("before_id", "cannot be given together with after_id: send one of them")
  return { limit, afterId, beforeId }
}

export interface Page<Entry> {
  readonly data: readonly Entry[]
  /** In the direction of the page: behind it, or before it where it was asked for by what follows it. */
  readonly hasMore: boolean
}

export function pageOf<Entry extends { readonly id: string }>(
  all: readonly Entry[],
  { limit, afterId, beforeId }: PageAsked,
): Page<Entry> | GatewayProblem {
  const id = afterId ?? beforeId
  const at = id === null ? -1 : all.findIndex((entry) => entry.id === id)
  if (id !== null && at === -1)
    return badPage(
      afterId === null ? "before_id" : "after_id",
      `names no model of this list: ${JSON.stringify(id)}. Send the first_id or last_id of a page, or ask from the beginning`,
    )
  if (beforeId !== null) return { data: all.slice(Math.max(0, at - limit), at), hasMore: at > limit }
  const from = at + 1
  return { data: all.slice(from, from + limit), hasMore: from + limit < all.length }
}

function badPage(param: string, what: string): GatewayProblem {
  return problems.badRequest(`${param} ${what}`, "bad_page", param)
}
