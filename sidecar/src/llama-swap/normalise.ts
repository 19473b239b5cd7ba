import type { TokenBasis } from "@boocontrol/shared/activity"
import { instantOf, parseRfc3339 } from "@boocontrol/shared/time"
import type { StoredRow } from "../activity/ports.ts"
import { redactText } from "./redact.ts"
import type { Row, Tokens } from "./shapes.ts"

/** What serves a model, as far as its command line tells. */
export type EngineKind = "llama.cpp" | "other"

export function engineKindOf(cmd: string): EngineKind {
  return /llama-server|llama[._-]?cpp|llamafile|koboldcpp/i.test(cmd) ? "llama.cpp" : "other"
}

/** A row of llama-swap in our terms; null where its time cannot be read, for then it has no identity. */
export function storedRowOf(row: Row, engine: EngineKind | null): StoredRow | null {
  const endedAtMs = parseRfc3339(row.timestamp)
  if (endedAtMs === null) return null
  const tokens = tokensOf(row.tokens ?? row)
  const basis = basisOf(tokens, engine)
  const status = row.resp_status_code ?? null
  return {
    swap_entry_id: row.id,
    ts: instantOf(endedAtMs),
    model: row.model,
    req_path: row.req_path ?? null,
    status_code: status === 0 ? null : status,
    duration_ms: known(row.duration_ms),
    cache_tokens: tokens.cache,
    input_tokens: tokens.input,
    ...promptOf(tokens, basis, row.req_path ?? ""),
    token_basis: basis,
    output_tokens: tokens.output,
    prompt_tps: tokens.promptTps,
    gen_tps: tokens.genTps,
    draft_tokens: tokens.draft,
    draft_accepted: tokens.accepted,
    error: errorOf(row.error_msg ?? "", status),
    has_capture: row.has_capture ?? false,
  }
}

interface TokenFigures {
  cache: number | null
  input: number | null
  output: number | null
  promptTps: number | null
  genTps: number | null
  draft: number | null
  accepted: number | null
}

const NO_FIGURES: TokenFigures = {
  cache: null,
  input: null,
  output: null,
  promptTps: null,
  genTps: null,
  draft: null,
  accepted: null,
}

/** -1 means unknown. All seven at 0 mean that the answer could not be read; any other 0 is a real figure. */
function tokensOf(raw: Tokens): TokenFigures {
  const all = [
    raw.cache_tokens,
    raw.draft_tokens,
    raw.draft_acc_tokens,
    raw.input_tokens,
    raw.output_tokens,
    raw.prompt_per_second,
    raw.tokens_per_second,
  ]
  if (all.every((value) => (value ?? 0) === 0)) return NO_FIGURES
  return {
    cache: whole(raw.cache_tokens),
    input: whole(raw.input_tokens),
    output: whole(raw.output_tokens),
    promptTps: known(raw.prompt_per_second),
    genTps: known(raw.tokens_per_second),
    draft: whole(raw.draft_tokens),
    accepted: whole(raw.draft_acc_tokens),
  }
}

/**
 * Rates come from llama.cpp's timings, which always give both, or from another engine's own metrics. Where both are
 * missing there were no timings, whatever the engine and the path: newer llama-servers send timings on streamed
 * `/v1/responses` too, so the path alone cannot tell.
 */
function basisOf(tokens: TokenFigures, engine: EngineKind | null): TokenBasis {
  if (tokens.input === null && tokens.output === null) return "unknown"
  const rates = [tokens.promptTps, tokens.genTps].filter((rate) => rate !== null).length
  if (rates < 2) return "usage"
  if (engine === null) return "unknown"
  return engine === "llama.cpp" ? "timings" : "usage"
}

/** llama.cpp counts the uncached prompt, so does Anthropic's usage object; every other usage counts the whole prompt. */
function promptOf(
  { input, cache }: TokenFigures,
  basis: TokenBasis,
  path: string,
): { prompt_tokens: number | null; uncached_tokens: number | null } {
  if (basis === "unknown" || input === null) return { prompt_tokens: null, uncached_tokens: null }
  if (basis === "timings" || path.endsWith("/messages"))
    return { prompt_tokens: cache === null ? null : input + cache, uncached_tokens: input }
  return {
    prompt_tokens: input,
    uncached_tokens: cache === null || cache > input ? null : input - cache,
  }
}

function errorOf(message: string, status: number | null): string | null {
  if (message !== "") return redactText(message)
  return status === null || status === 200 || status === 0 ? null : `HTTP ${status}`
}

function known(value: number | null | undefined): number | null {
  return value === null || value === undefined || !Number.isFinite(value) || value < 0 ? null : value
}

function whole(value: number | null | undefined): number | null {
  const figure = known(value)
  return figure === null ? null : Math.round(figure)
}
