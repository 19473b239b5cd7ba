import * as z from "zod/mini"
import { HostId } from "./ids.ts"
import { Instant, instantOf, parseRfc3339 } from "./time.ts"

/** Every list: newest first where it has a time; `next` is the cursor of the following page, null at the end. */
export function pageOf<T extends z.ZodMiniType>(row: T) {
  return z.object({ rows: z.array(row), next: z.nullable(z.string()) })
}
export interface Page<T> {
  rows: T[]
  next: string | null
}

/** A number in a query string, within bounds. */
export function queryInt(min: number, max: number) {
  return z.pipe(
    z.pipe(
      z.string().check(z.regex(/^-?\d{1,15}$/, `a whole number from ${min} to ${max}`)),
      z.transform((text) => Number(text)),
    ),
    z.int().check(z.minimum(min), z.maximum(max)),
  )
}

const FIRST_MS = Date.UTC(1970, 0)
// Nor can a moment beside one of these be such that it has no `Instant`, or that Postgres does not know it.
const LAST_MS = Date.UTC(9999, 0)

/** Any RFC 3339 time in a query string, as UTC. */
export const QueryInstant = z.pipe(
  z
    .string()
    .check(
      z.refine((text) => parseRfc3339(text) !== null, {
        error: "a time such as 2026-11-22T08:00:00Z",
        abort: true,
      }),
    )
    .check(z.refine((text) => isOfAnAge(parseRfc3339(text) ?? 0), "a time of the years 1970 to 9998")),
  z.transform((text) => instantOf(parseRfc3339(text) ?? 0)),
)

function isOfAnAge(epochMs: number): boolean {
  return epochMs >= FIRST_MS && epochMs < LAST_MS
}

interface AskedSpan {
  from?: Instant | undefined
  to?: Instant | undefined
}

/** Checks of a query with `from` and `to`: an empty answer would look like history that was lost. */
export function inOrder<T extends AskedSpan>() {
  return z.refine<T>(({ from, to }) => from === undefined || to === undefined || from <= to, {
    path: ["from"],
    error: "it must not be after to",
  })
}

/** One value or several (`?model=a&model=b`), always a list. */
function oneOrMore<T extends z.ZodMiniType>(value: T) {
  return z.pipe(
    z.transform((given: unknown) => (Array.isArray(given) ? given : [given])),
    z.array(value).check(z.maxLength(100)),
  )
}

export const PageQuery = z.object({
  limit: z._default(queryInt(1, 1000), 100),
  cursor: z.optional(z.string().check(z.maxLength(500))),
})
export type PageQuery = z.infer<typeof PageQuery>

/** `status`: `ok`, `error`, or a code such as `502`. */
const StatusFilter = z.string().check(z.regex(/^(ok|error|[1-5]\d\d)$/, "ok, error or a status code"))

const activityFilters = {
  provider_id: z.optional(oneOrMore(HostId)),
  model: z.optional(oneOrMore(z.string())),
  source: z.optional(oneOrMore(z.string())),
  status: z.optional(oneOrMore(StatusFilter)),
  from: z.optional(QueryInstant),
  to: z.optional(QueryInstant),
  q: z.optional(z.string().check(z.maxLength(200))),
}

/** Query of `GET /activity`. `q` looks in model, source, path, error and the ids. */
export const ActivityQuery = z.strictObject({ ...activityFilters, ...PageQuery.shape }).check(inOrder())
export type ActivityQuery = z.infer<typeof ActivityQuery>
export const ActivityFilters = z.strictObject(activityFilters).check(inOrder())
export type ActivityFilters = z.infer<typeof ActivityFilters>

export const PerfQuery = z.strictObject({
  provider_id: HostId,
  from: z.optional(QueryInstant),
  to: z.optional(QueryInstant),
  points: z._default(queryInt(10, 2000), 600),
})
export type PerfQuery = z.infer<typeof PerfQuery>

export const ModelEventsQuery = z
  .strictObject({
    provider_id: z.optional(oneOrMore(HostId)),
    model: z.optional(oneOrMore(z.string())),
    /** A model's state, or a kind of note: `gap_suspected`. */
    state: z.optional(oneOrMore(z.string())),
    from: z.optional(QueryInstant),
    to: z.optional(QueryInstant),
    ...PageQuery.shape,
  })
  .check(inOrder())
export type ModelEventsQuery = z.infer<typeof ModelEventsQuery>

export const LogsQuery = z.strictObject({
  source: z.optional(z.enum(["proxy", "upstream"])),
  model: z.optional(z.string()),
  tail: z._default(queryInt(1, 2000), 500),
})
export type LogsQuery = z.infer<typeof LogsQuery>

/** Reply of `GET /api/health`: 200 when all is well, 503 with the same body when a part is down. */
export const Health = z.object({
  ok: z.boolean(),
  version: z.string(),
  db: z.boolean(),
  nats: z.boolean(),
  uptime_s: z.number(),
  hub_id: z.optional(z.string()),
  at: z.optional(Instant),
})
export type Health = z.infer<typeof Health>
