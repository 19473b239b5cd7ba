/** How numbers and times are written, everywhere the same. Unknown is a dash. */
export const DASH = "–"

// A hub that writes a page does not know the time zone of who reads it: the page then says which one it means.
let inUtc = false
export function writeTimesInUtc(): void {
  inUtc = true
  dates = null
}

// The browser's own formatters take tens of milliseconds to make on a slow machine, before anything is painted:
// plain figures and times of day are written by hand, and only whole dates wait for them.
let dates: { readonly short: Intl.DateTimeFormat; readonly full: Intl.DateTimeFormat } | null = null
function dateFormats(): NonNullable<typeof dates> {
  const timeZone = inUtc ? "UTC" : undefined
  dates ??= {
    short: new Intl.DateTimeFormat("en-GB", {
      day: "2-digit",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
      timeZone,
      ...(inUtc ? { timeZoneName: "short" } : {}),
    }),
    full: new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long", timeZone }),
  }
  return dates
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export function count(value: number | null): string {
  return value === null ? DASH : grouped(value.toFixed(0))
}

/** One digit after the point; from a thousand on none, since it no longer says anything. */
export function decimal(value: number | null): string {
  if (value === null) return DASH
  return Math.abs(value) >= 1000 ? grouped(value.toFixed(0)) : value.toFixed(1)
}

export function gib(mib: number | null): string {
  return decimal(mib === null ? null : mib / 1024)
}

export function percent(value: number | null): string {
  return value === null ? DASH : `${grouped(value.toFixed(0))} %`
}

/** Joules as people pay for them: watt-hours below a kilowatt-hour. */
export function energy(joules: number | null): string {
  if (joules === null) return DASH
  const wh = joules / 3600
  return wh >= 1_000
    ? `${(wh / 1_000).toFixed(2)} kWh`
    : wh >= 10
      ? `${wh.toFixed(0)} Wh`
      : `${wh.toFixed(2)} Wh`
}

/** `820 ms`, `6.2 s`, `2m 14s`, `3h 05m`, `2d 4h`. */
export function duration(ms: number | null): string {
  if (ms === null) return DASH
  if (ms < SECOND) return `${Math.round(ms)} ms`
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)} s`
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`
  if (ms < HOUR) return withRest(`${Math.floor(ms / MINUTE)}m`, Math.floor((ms % MINUTE) / SECOND), "s")
  if (ms < DAY) return withRest(`${Math.floor(ms / HOUR)}h`, Math.floor((ms % HOUR) / MINUTE), "m")
  return `${Math.floor(ms / DAY)}d ${Math.floor((ms % DAY) / HOUR)}h`
}

/** What is left, in one unit: `12m`, `45s`, `2h`. */
export function left(ms: number): string {
  if (ms < MINUTE) return `${Math.max(0, Math.ceil(ms / SECOND))}s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m`
  return ms < DAY ? `${Math.floor(ms / HOUR)}h` : `${Math.floor(ms / DAY)}d`
}

export function ago(ms: number): string {
  if (ms < 10 * SECOND) return "just now"
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h ago`
  return `${Math.floor(ms / DAY)} days ago`
}

export function clockTime(epochMs: number): string {
  const at = new Date(epochMs)
  return inZone(`${hourAndMinute(at)}:${two(at.getSeconds())}`)
}

export function clockMinute(epochMs: number): string {
  return inZone(hourAndMinute(new Date(epochMs)))
}

function hourAndMinute(at: Date): string {
  return inUtc
    ? `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
    : `${two(at.getHours())}:${two(at.getMinutes())}`
}

function inZone(text: string): string {
  return inUtc ? `${text} UTC` : text
}

/** Time of day; with its date where it was not within the last 20 hours. */
export function since(epochMs: number, nowMs: number): string {
  return nowMs - epochMs < 20 * HOUR ? clockMinute(epochMs) : dateFormats().short.format(epochMs)
}

export function fullDate(epochMs: number): string {
  return dateFormats().full.format(epochMs)
}

/** `64k` for 65,536 tokens. */
export function contextLength(tokens: number | null): string | null {
  if (tokens === null) return null
  return tokens >= 1024 ? `${Math.round(tokens / 1024)}k` : String(tokens)
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${grouped(number.toFixed(0))} ${number === 1 ? one : many}`
}

function withRest(whole: string, rest: number, unit: string): string {
  return rest === 0 ? whole : `${whole} ${String(rest).padStart(2, "0")}${unit}`
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",")
}

function two(value: number): string {
  return String(value).padStart(2, "0")
}
