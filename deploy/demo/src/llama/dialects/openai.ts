import { timingsOf, usageOf, type Measured } from "../timings.ts"
import { type Answer, dataEvent, type Dialect } from "./dialect.ts"

export const LLAMA_FINGERPRINT = "b9340-5dd1025cf"

interface Delta {
  role?: string
  content?: string | null
  tool_calls?: unknown[]
}

function finishReason(answer: Answer): string {
  if (answer.call) return "tool_calls"
  return answer.truncated ? "length" : "stop"
}

function callsOf({ id, call }: Answer) {
  if (!call) return []
  const { name, input } = call
  return [{ index: 0, id: `call_${id}`, type: "function", function: { name, arguments: input } }]
}

function wantsUsage(answer: Answer): boolean {
  return answer.request.body.stream_options?.include_usage === true
}

function account(answer: Answer, measured: Measured, withUsage: boolean) {
  return {
    ...(withUsage && answer.reports !== "nothing" ? { usage: usageOf(measured) } : {}),
    ...(answer.reports === "timings" ? { timings: timingsOf(measured) } : {}),
  }
}

function openAi(chat: boolean): Dialect {
  function choice(delta: Delta, finish: string | null) {
    if (chat) return { finish_reason: finish, index: 0, delta }
    return { text: delta.content ?? "", index: 0, logprobs: null, finish_reason: finish }
  }
  function chunk(answer: Answer, choices: unknown[]) {
    return {
      choices,
      created: answer.created,
      id: answer.id,
      model: answer.model,
      system_fingerprint: LLAMA_FINGERPRINT,
      object: chat ? "chat.completion.chunk" : "text_completion",
    }
  }

  return {
    streamHasTimings: true,
    wholeHasTimings: true,
    streamHasUsage: false,
    usageExcludesCache: false,
    open: (answer) =>
      chat ? dataEvent(chunk(answer, [choice({ role: "assistant", content: null }, null)])) : "",
    token: (answer, word) =>
      chat && answer.call ? "" : dataEvent(chunk(answer, [choice({ content: word }, null)])),
    close(answer, _text, measured) {
      const calls = chat ? callsOf(answer) : []
      const called = calls.length > 0 ? dataEvent(chunk(answer, [choice({ tool_calls: calls }, null)])) : ""
      const last = chunk(answer, [choice({}, finishReason(answer))])
      // With usage the timings move to a further chunk without choices.
      const end = wantsUsage(answer)
        ? dataEvent(last) + dataEvent({ ...chunk(answer, []), ...account(answer, measured, true) })
        : dataEvent({ ...last, ...account(answer, measured, false) })
      return `${called}${end}data: [DONE]\n\n`
    },
    whole(answer, text, measured) {
      const calls = callsOf(answer)
      const message = calls.length > 0 ? { content: null, tool_calls: calls } : { content: text }
      const said = chat ? { message: { role: "assistant", ...message } } : { text, logprobs: null }
      return {
        choices: [{ finish_reason: finishReason(answer), index: 0, ...said }],
        created: answer.created,
        model: answer.model,
        system_fingerprint: LLAMA_FINGERPRINT,
        object: chat ? "chat.completion" : "text_completion",
        ...account(answer, measured, true),
        id: answer.id,
      }
    },
  }
}

export const chatCompletions = openAi(true)
export const completions = openAi(false)
