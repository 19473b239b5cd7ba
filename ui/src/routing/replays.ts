import type { ReplayReply } from "@boocontrol/shared/routing"
import { epochMsOf } from "@boocontrol/shared/time"
import { count, duration, plural } from "../kit/format.ts"
import type { Tone } from "../kit/tone.ts"
import { ApiError } from "../platform/api.ts"
import { costOf, timeOf } from "./view.ts"

export const wordsOf = (error: unknown): string =>
  error instanceof ApiError ? error.message : "It could not be tried out"

/** How many of how many requests the figures rest on, over which time, and what they leave out. */
export function coverageOf(reply: ReplayReply): { text: string; isWarning: boolean }[] {
  const { stored, read, played, noted, left_out: leftOut, unknown_headers: unknown } = reply
  const span = duration(epochMsOf(reply.to) - epochMsOf(reply.from))
  const lines = [
    { text: `${count(played)} of ${plural(stored, "request")} of ${span} were played.`, isWarning: false },
  ]
  if (reply.from !== reply.asked_from)
    lines[0] = {
      text: `The newest ${count(read)} of ${count(stored)} requests were looked at, ${span} back; ${count(played)} were played.`,
      isWarning: true,
    }
  const left = Object.entries(leftOut).map(([why, many]) => `${count(many)} ${why}`)
  if (left.length > 0) lines.push({ text: `Left out: ${left.join(", ")}.`, isWarning: false })
  if (noted < played)
    lines.push({
      text: `Tools, images, key and headers are known of ${count(noted)}; the rest is played without them.`,
      isWarning: false,
    })
  if (unknown.length > 0)
    lines.push({
      text: `Never kept: ${unknown.join(", ")}. Rules with such a header match nothing here; they are kept from the save on.`,
      isWarning: true,
    })
  return lines
}

export interface ReplayLine {
  readonly name: string
  readonly was: string
  readonly would: string
  /** Better or worse by more than a twentieth. */
  readonly tone: Extract<Tone, "ok" | "bad"> | null
}

export function replayLines({ as_it_was: was, with_policy: would }: ReplayReply): ReplayLine[] {
  const line = (
    name: string,
    [before, after]: readonly [number | null, number | null],
    text: (value: number | null) => string,
  ): ReplayLine => ({ name, was: text(before), would: text(after), tone: toneOf(before, after) })
  return [
    { ...line("requests", [was.requests, would.requests], count), tone: null },
    line("refused", [was.refused, would.refused], count),
    line("swaps", [was.swaps, would.swaps], count),
    line("first token, median", [was.ttft_p50_ms, would.ttft_p50_ms], timeOf),
    line("first token, slowest 5 %", [was.ttft_p95_ms, would.ttft_p95_ms], timeOf),
    line("cost", [was.cost, would.cost], costOf),
  ]
}

const ALIKE = 0.05
/** Of each of these figures less is better. */
function toneOf(before: number | null, after: number | null): ReplayLine["tone"] {
  if (before === null || after === null || Math.abs(after - before) <= before * ALIKE) return null
  return after < before ? "ok" : "bad"
}
