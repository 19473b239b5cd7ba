import { DASH } from "../kit/format.ts"
import type { Tone } from "../kit/tone.ts"

export function toneOf(percent: number | null): Tone {
  if (percent === null) return "unknown"
  if (percent >= 99.9) return "ok"
  return percent >= 95 ? "warn" : "bad"
}

/** Rounded down, so that 100 % means all of it. */
export function percentText(percent: number | null): string {
  if (percent === null) return DASH
  return percent === 100 ? "100 %" : `${(Math.floor(percent * 100) / 100).toFixed(2)} %`
}
