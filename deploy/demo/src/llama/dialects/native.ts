import { timingsOf, type Measured } from "../timings.ts"
import { type Answer, dataEvent, type Dialect } from "./dialect.ts"

/** llama.cpp's own /completion: no [DONE], the last event says stop. */
export const nativeCompletion: Dialect = {
  streamHasTimings: true,
  wholeHasTimings: true,
  streamHasUsage: false,
  usageExcludesCache: false,
  open: () => "",
  token: (answer, word, index) =>
    dataEvent({
      index: 0,
      content: word,
      tokens: [253 + index],
      stop: false,
      id_slot: -1,
      tokens_predicted: index + 1,
      tokens_evaluated: answer.promptTokens,
    }),
  close: (answer, _text, measured) => dataEvent(final(answer, "", measured)),
  whole: (answer, text, measured) => final(answer, text, measured),
}

function final(answer: Answer, content: string, measured: Measured) {
  return {
    index: 0,
    content,
    tokens: [],
    id_slot: 0,
    stop: true,
    model: answer.model,
    tokens_predicted: measured.predictedN,
    tokens_evaluated: answer.promptTokens,
    truncated: false,
    stop_type: answer.truncated ? "limit" : "eos",
    stopping_word: "",
    tokens_cached: measured.cacheN + measured.promptN + measured.predictedN - 1,
    timings: timingsOf(measured),
  }
}
