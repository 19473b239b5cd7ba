/** RFC 3339 the way Go prints a local time: whole seconds, or the fraction without trailing zeros. */
export function rfc3339(
  epochMs: number,
  offsetMinutes: number,
  precision: "seconds" | "nanoseconds",
): string {
  const local = new Date(Math.floor(epochMs) + offsetMinutes * 60_000).toISOString().slice(0, 19)
  return local + (precision === "seconds" ? "" : fraction(epochMs)) + zone(offsetMinutes)
}

function fraction(epochMs: number): string {
  // A clock with millisecond steps would show six zeros, which no real host does: fill them from the value.
  const nanoseconds = Math.floor((epochMs % 1000) * 1e6) + (Math.floor(epochMs * 7919) % 999_983)
  const digits = String(nanoseconds % 1e9)
    .padStart(9, "0")
    .replace(/0+$/, "")
  return digits === "" ? "" : `.${digits}`
}

function zone(offsetMinutes: number): string {
  if (offsetMinutes === 0) return "Z"
  const size = Math.abs(offsetMinutes)
  const hours = String(Math.floor(size / 60)).padStart(2, "0")
  return `${offsetMinutes < 0 ? "-" : "+"}${hours}:${String(size % 60).padStart(2, "0")}`
}

/** Go's Duration.String(): 1m2.5s, 1.934s, 12.5ms, 340µs. */
export function goDuration(ms: number): string {
  if (ms < 1) return `${trim(ms * 1000, 3)}µs`
  if (ms < 1000) return `${trim(ms, 6)}ms`
  const minutes = Math.floor(ms / 60_000)
  const seconds = `${trim((ms - minutes * 60_000) / 1000, 9)}s`
  if (minutes === 0) return seconds
  const hours = Math.floor(minutes / 60)
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`
}

function trim(value: number, decimals: number): string {
  return String(Number(value.toFixed(decimals)))
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

/** Epoch milliseconds, or null where Go's time.Parse(time.RFC3339) would refuse. */
export function parseRfc3339(text: string): number | null {
  const epochMs = RFC3339.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(epochMs) ? null : epochMs
}
