import * as z from "zod/mini"

/** A moment: RFC 3339 in UTC with milliseconds, e.g. `2026-11-22T08:12:41.250Z`. Sorts as text. */
export const Instant = z
  .string()
  .check(
    z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, "a time in UTC such as 2026-01-31T08:30:00.000Z"),
  )
  .brand<"Instant">()
export type Instant = z.infer<typeof Instant>

/** Epoch milliseconds to `Instant`. Throws a RangeError for a number that is no date. */
export function instantOf(epochMs: number): Instant {
  const text = new Date(epochMs).toISOString()
  // Years of more than four digits are longer, and no `Instant`. Of this length it is one, and that is quickly seen.
  return text.length === 24 ? (text as Instant) : Instant.parse(text)
}

/** `Instant` to epoch milliseconds. */
export function epochMsOf(instant: Instant): number {
  return Date.parse(instant)
}

/**
 * Reads any RFC 3339 text (any offset, 0 to 9 fractional digits) as epoch milliseconds, null where it is none.
 * Digits beyond the millisecond are cut, never rounded: a rounded time can lie in the future.
 */
export function parseRfc3339(text: string): number | null {
  const match = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)$/.exec(text)
  if (!match) return null
  const [, date = "", time, fraction = "", offset = "Z"] = match
  const epochMs = Date.parse(`${date}T${time}.${fraction.padEnd(3, "0").slice(0, 3)}${offset.toUpperCase()}`)
  return Number.isNaN(epochMs) || !isInCalendar(date) ? null : epochMs
}

/** `Date` takes a 30th of February for the 2nd of March. */
function isInCalendar(date: string): boolean {
  const day = Number(date.slice(8))
  return day <= 28 || new Date(`${date}T00:00:00Z`).getUTCDate() === day
}
