// What JSON may spell and Postgres will not take: NUL, and half of a surrogate pair.
const UNSTORABLE_TEXT = /\\u0000|\\ud[89a-f]/i

/** Whether a value that was written as this JSON may hold a character that Postgres refuses. */
export function isUnstorable(json: string): boolean {
  // Hardly any text spells a character that way, and this is quickly seen.
  return json.includes("\\u") && UNSTORABLE_TEXT.test(json)
}

/** The same value with U+FFFD for every character that Postgres refuses, so that one odd log line costs no row. */
export function storable<T>(value: T): T {
  // The shape stays: only characters within strings are replaced.
  return storableValue(value) as T
}

function storableValue(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed().replaceAll("\0", "\uFFFD")
  if (Array.isArray(value)) return value.map(storableValue)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [storableValue(key), storableValue(inner)]),
  )
}
