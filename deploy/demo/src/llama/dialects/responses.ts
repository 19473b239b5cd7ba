import { timingsOf, type Measured } from "../timings.ts"
import { type Answer, type Dialect, namedEvent } from "./dialect.ts"

/** /v1/responses: the stream ends with response.completed, which carries usage and, beside it, timings. */
export const responses: Dialect = {
  streamHasTimings: true,
  wholeHasTimings: false,
  streamHasUsage: true,
  usageExcludesCache: false,
  open(answer) {
    const response = { id: `resp_${answer.id}`, object: "response", status: "in_progress" }
    const item = { content: [], ...message(answer, "in_progress") }
    return [
      { type: "response.created", response },
      { type: "response.in_progress", response },
      { type: "response.output_item.added", item },
      { type: "response.content_part.added", item_id: item.id, part: { type: "output_text", text: "" } },
    ]
      .map(namedEvent)
      .join("")
  },
  token: (answer, word) => {
    const delta = { type: "response.output_text.delta", item_id: message(answer, "").id, delta: word }
    return namedEvent(delta)
  },
  close(answer, text, measured) {
    const item = completed(answer, text)
    const response = {
      id: `resp_${answer.id}`,
      object: "response",
      created_at: answer.created,
      status: "completed",
      model: answer.model,
      output: [item],
      usage: usage(measured),
    }
    const timings = answer.reports === "timings" ? { timings: timingsOf(measured) } : {}
    return [
      { type: "response.output_text.done", item_id: item.id, text },
      { type: "response.content_part.done", item_id: item.id, part: item.content[0] },
      { type: "response.output_item.done", item },
      { type: "response.completed", response, ...timings },
    ]
      .map(namedEvent)
      .join("")
  },
  whole: (answer, text, measured) => ({
    completed_at: answer.created,
    created_at: answer.created,
    id: `resp_${answer.id}`,
    model: answer.model,
    object: "response",
    output: [completed(answer, text)],
    status: "completed",
    usage: usage(measured),
  }),
}

function message(answer: Answer, status: string) {
  return { id: `msg_${answer.id}`, role: "assistant", status, type: "message" }
}

function completed(answer: Answer, text: string) {
  const part = { type: "output_text", annotations: [], logprobs: [], text }
  return { ...message(answer, "completed"), content: [part] }
}

function usage(measured: Measured) {
  const prompt = measured.cacheN + measured.promptN
  return {
    input_tokens: prompt,
    output_tokens: measured.predictedN,
    total_tokens: prompt + measured.predictedN,
    input_tokens_details: { cached_tokens: measured.cacheN },
  }
}
