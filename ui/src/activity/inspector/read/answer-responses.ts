import { fieldsOf, listOf, messageOf, shown, textOf, textOrNull } from "./conversation.ts"
import type { Fields } from "./conversation.ts"
import { addCall, partOf } from "./draft.ts"
import type { Draft } from "./draft.ts"
import { summaryOf } from "./request.ts"

/** OpenAI's responses, as events or whole. */
export function addResponses(draft: Draft, fields: Fields): void {
  const part = partOf(draft, 0)
  const item = fieldsOf(fields["item"])
  switch (fields["type"]) {
    case "response.output_text.delta":
      part.text += textOf(fields["delta"])
      return
    case "response.reasoning_text.delta":
    case "response.reasoning_summary_text.delta":
      part.reasoning += textOf(fields["delta"])
      return
    case "response.function_call_arguments.delta":
      addCall(part, textOf(fields["item_id"]), { args: textOf(fields["delta"]) })
      return
    case "response.output_item.added":
    case "response.output_item.done":
      if (item["type"] !== "function_call") return
      addCall(part, textOf(item["id"]), {
        ...{ id: textOrNull(item["call_id"]), name: textOrNull(item["name"]) },
        ...{ args: textOf(item["arguments"]), isWhole: true },
      })
      return
    case "response.completed":
    case "response.incomplete":
    case "response.failed": {
      const response = fieldsOf(fields["response"])
      draft.isOver = true
      draft.model = textOrNull(response["model"]) ?? draft.model
      draft.finish = textOrNull(response["status"]) ?? draft.finish
      const problem = textOrNull(fieldsOf(response["error"])["message"])
      if (problem !== null) draft.error = problem
      return
    }
    case undefined:
      whole(draft, fields)
  }
}

function whole(draft: Draft, fields: Fields): void {
  const part = partOf(draft, 0)
  draft.finish = textOrNull(fields["status"]) ?? draft.finish
  for (const [place, given] of listOf(fields["output"]).entries()) {
    const item = fieldsOf(given)
    if (item["type"] === "message") part.text += messageOf("assistant", item["content"]).text
    else if (item["type"] === "reasoning")
      part.reasoning += summaryOf(item["summary"]) || messageOf("", item["content"]).text
    else if (item["type"] === "function_call")
      addCall(part, textOf(item["id"]) || String(place), {
        ...{
          id: textOrNull(item["call_id"]),
          name: textOrNull(item["name"]),
          args: shown(item["arguments"]),
        },
      })
  }
}
