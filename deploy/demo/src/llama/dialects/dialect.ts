import type { ModelRequest } from "../request.ts"
import type { Measured } from "../timings.ts"
import type { ToolCall } from "../tool-call.ts"

/** What every spelling of an answer is made from. */
export interface Answer {
  id: string
  /** As the client named it. */
  model: string
  /** Unix seconds. */
  created: number
  request: ModelRequest
  promptTokens: number
  outputTokens: number
  /** The limit the client set was reached. */
  truncated: boolean
  /** Said instead of words. */
  call: ToolCall | null
  /** Which account of tokens this engine gives. */
  reports: "timings" | "usage" | "nothing"
}

/** One API's way of saying the same: pieces of a stream, or the whole at once. */
export interface Dialect {
  open(answer: Answer): string
  token(answer: Answer, word: string, index: number): string
  close(answer: Answer, text: string, measured: Measured): string
  whole(answer: Answer, text: string, measured: Measured): unknown
  /** Does a streamed answer carry llama.cpp timings? */
  streamHasTimings: boolean
  wholeHasTimings: boolean
  /** Does a streamed answer always carry usage? */
  streamHasUsage: boolean
  /** Usage counts the prompt without what came from the cache. */
  usageExcludesCache: boolean
}

export function dataEvent(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

export function namedEvent(value: { type: string; [field: string]: unknown }): string {
  return `event: ${value.type}\n${dataEvent(value)}`
}
