import type { ActivityRow } from "@boocontrol/shared/activity"
import { epochMsOf } from "@boocontrol/shared/time"
import { attributionOf } from "./attribution.ts"
import { DASH, count, decimal, duration, fullDate } from "../kit/format.ts"

export interface DetailLine {
  readonly name: string
  readonly value: string
  readonly unknown: boolean
  /** What the value means. */
  readonly title: string | null
}

const BASIS = {
  timings: "llama.cpp's own timings",
  usage: "the API's usage object",
  unknown: "not known",
} as const satisfies Record<ActivityRow["token_basis"], string>

/** Every field of a request, in the order in which people ask. */
export function detailLines(row: ActivityRow): DetailLine[] {
  const unit = (text: string, what: string) => (text === DASH ? DASH : `${text} ${what}`)
  const found = attributionOf(row)
  const lines: [string, string | null, (string | undefined)?][] = [
    ["Ended", fullDate(epochMsOf(row.ts))],
    ["Host", row.provider_id],
    ["Source", row.source],
    ["Caller found", found?.text ?? null, found?.why],
    ["Path", row.req_path],
    ["Status", row.status_code === null ? null : String(row.status_code)],
    ["Duration", duration(row.duration_ms)],
    ["Prompt", unit(count(row.prompt_tokens), "tokens")],
    ["From cache", unit(count(row.cache_tokens), "tokens")],
    ["Not cached", unit(count(row.uncached_tokens), "tokens")],
    ["Input as given", unit(count(row.input_tokens), "tokens")],
    ["Counts rest on", BASIS[row.token_basis]],
    ["Output", unit(count(row.output_tokens), "tokens")],
    ["Prompt speed", unit(decimal(row.prompt_tps), "tok/s")],
    ["Generation speed", unit(decimal(row.gen_tps), "tok/s")],
    ["Drafted", unit(count(row.draft_tokens), "tokens")],
    ["Draft accepted", unit(count(row.draft_accepted), "tokens")],
    ["Capture", row.has_capture ? "kept" : "none"],
    ["Client", row.client_ip],
    ["User agent", row.user_agent],
    ["Session", row.session_id],
    ["Request id", row.request_id],
    ["Row id", row.id],
    ["Engine's store", `${row.swap_epoch}, entry ${row.swap_entry_id}`],
  ]
  return lines.map(([name, value, title]) => {
    const unknown = value === null || value === DASH
    return { name, value: value ?? DASH, unknown, title: title ?? (unknown ? "Not known" : null) }
  })
}
