import { fieldsOf, listOf, messageOf, numberOrNull, shown, textOf, textOrNull } from "./conversation.ts"
import type { Fields } from "./conversation.ts"
import { addCall, partOf } from "./draft.ts"
import type { Draft } from "./draft.ts"

const NAMES = ["id", "object", "created", "model"]

/** Chat and text completions of OpenAI's API, in pieces or whole. */
export function addChat(draft: Draft, fields: Fields): void {
  for (const given of listOf(fields["choices"])) {
    const choice = fieldsOf(given)
    const delta = fieldsOf(choice["delta"])
    // llama-swap's own words while it loads a model come without the names that every chunk of a model has.
    const isNamed = NAMES.some((name) => fields[name] !== undefined)
    if (!isNamed && "delta" in choice) {
      draft.loading += textOf(delta["reasoning_content"])
      if (delta["content"] === undefined) continue
    }
    const part = partOf(draft, numberOrNull(choice["index"]) ?? 0)
    const whole = fieldsOf(choice["message"])
    const message = "message" in choice ? whole : delta
    part.role = textOrNull(message["role"]) ?? part.role
    part.text += textOf(choice["text"]) + messageOf("", message["content"] ?? "").text
    part.reasoning += textOf(message["reasoning_content"]) || textOf(message["reasoning"])
    for (const [place, one] of listOf(message["tool_calls"]).entries()) {
      const call = fieldsOf(one)
      const called = fieldsOf(call["function"])
      addCall(part, String(numberOrNull(call["index"]) ?? place), {
        ...{ id: textOrNull(call["id"]), name: textOrNull(called["name"]) },
        args: shown(called["arguments"]),
      })
    }
    draft.finish = textOrNull(choice["finish_reason"]) ?? draft.finish
  }
}

/** llama-server's own completion. */
export function addNative(draft: Draft, fields: Fields): void {
  partOf(draft, 0).text += textOf(fields["content"])
  if (fields["stop"] !== true) return
  draft.isOver = true
  draft.finish = textOrNull(fields["stop_type"]) ?? draft.finish
}
