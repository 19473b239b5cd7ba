import type { ActivityRow } from "@boocontrol/shared/activity"
import { DASH, count, decimal, duration } from "../../kit/format.ts"

export interface Figure {
  readonly name: string
  readonly value: string
  readonly unit: string
  readonly title: string
}

/** The figures people look for first; what is not known is a dash with its reason. */
export function figuresOf(row: ActivityRow): Figure[] {
  const figure = (name: string, value: string, [unit, title]: [string, string]): Figure => ({
    ...{ name, value, unit: value === DASH ? "" : unit },
    title: value === DASH ? "The engine gave no such figure for this request" : title,
  })
  return [
    figure("Status", row.status_code === null ? DASH : String(row.status_code), ["", "HTTP status"]),
    figure("Wall time", duration(row.duration_ms), ["", "Queueing and loading included"]),
    figure("Cached", count(row.cache_tokens), ["tok", "Tokens of the prompt that were kept from before"]),
    figure("Not cached", count(row.uncached_tokens), ["tok", "Tokens of the prompt that had to be read"]),
    figure("Output", count(row.output_tokens), ["tok", "Tokens of the answer"]),
    figure("Drafted", draftedOf(row), ["", "Drafted tokens, and how many of them were accepted"]),
    figure("Prompt", decimal(row.prompt_tps), ["tok/s", "Speed of reading the prompt"]),
    figure("Generation", decimal(row.gen_tps), ["tok/s", "Speed of writing the answer"]),
  ]
}

function draftedOf({ draft_tokens, draft_accepted }: ActivityRow): string {
  if (draft_tokens === null) return DASH
  return draft_accepted === null ? count(draft_tokens) : `${count(draft_accepted)} of ${count(draft_tokens)}`
}
