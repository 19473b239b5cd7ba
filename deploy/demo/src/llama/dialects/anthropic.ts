import type { Measured } from "../timings.ts"
import { type Answer, type Dialect, namedEvent } from "./dialect.ts"

/** /v1/messages as llama-server speaks it: usage without timings, input counted without the cache. */
export const messages: Dialect = {
  streamHasTimings: false,
  wholeHasTimings: false,
  streamHasUsage: true,
  usageExcludesCache: true,
  open(answer) {
    const message = {
      ...envelope(answer),
      content: [],
      stop_reason: null,
      usage: { input_tokens: answer.promptTokens, output_tokens: 0 },
    }
    return (
      namedEvent({ type: "message_start", message }) +
      namedEvent({
        type: "content_block_start",
        index: 0,
        content_block: answer.call ? toolUse(answer, {}) : { type: "text", text: "" },
      })
    )
  },
  token: (answer, word) =>
    answer.call
      ? ""
      : namedEvent({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: word } }),
  close: (answer, _text, measured) =>
    inputOf(answer) +
    namedEvent({ type: "content_block_stop", index: 0 }) +
    namedEvent({
      type: "message_delta",
      delta: { stop_reason: stopReason(answer), stop_sequence: null },
      usage: usage(measured),
    }) +
    namedEvent({ type: "message_stop" }),
  whole: (answer, text, measured) => ({
    ...envelope(answer),
    content: [answer.call ? toolUse(answer, JSON.parse(answer.call.input)) : { type: "text", text }],
    stop_reason: stopReason(answer),
    usage: usage(measured),
  }),
}

function envelope(answer: Answer) {
  return { id: answer.id, type: "message", role: "assistant", model: answer.model, stop_sequence: null }
}

function toolUse({ id, call }: Answer, input: unknown) {
  return { type: "tool_use", id: `toolu_${id}`, name: call?.name, input }
}

function inputOf({ call }: Answer): string {
  if (!call) return ""
  const delta = { type: "input_json_delta", partial_json: call.input }
  return namedEvent({ type: "content_block_delta", index: 0, delta })
}

function usage(measured: Measured) {
  return {
    cache_read_input_tokens: measured.cacheN,
    input_tokens: measured.promptN,
    output_tokens: measured.predictedN,
  }
}

function stopReason(answer: Answer): string {
  if (answer.call) return "tool_use"
  return answer.truncated ? "max_tokens" : "end_turn"
}
