import { fieldsOf, messageOf, numberOrNull, shown, textOf, textOrNull } from "./conversation.ts"
import type { Fields } from "./conversation.ts"
import { addCall, partOf } from "./draft.ts"
import type { Draft } from "./draft.ts"

/** Anthropic's messages, in blocks or whole. */
export function addAnthropic(draft: Draft, fields: Fields): void {
  const part = partOf(draft, 0)
  const index = String(numberOrNull(fields["index"]) ?? 0)
  switch (fields["type"]) {
    case "message": {
      const whole = messageOf("assistant", fields["content"])
      part.text += whole.text
      part.reasoning += whole.reasoning
      for (const [place, call] of whole.calls.entries()) addCall(part, String(place), call)
      draft.finish = textOrNull(fields["stop_reason"]) ?? draft.finish
      return
    }
    case "message_start":
      draft.model = textOrNull(fieldsOf(fields["message"])["model"]) ?? draft.model
      return
    case "content_block_start": {
      const block = fieldsOf(fields["content_block"])
      if (block["type"] === "tool_use") {
        const input = shown(block["input"])
        const args = input === "{}" ? "" : input
        addCall(part, index, { id: textOrNull(block["id"]), name: textOrNull(block["name"]), args })
      } else {
        part.text += textOf(block["text"])
        part.reasoning += textOf(block["thinking"])
      }
      return
    }
    case "content_block_delta": {
      const delta = fieldsOf(fields["delta"])
      part.text += textOf(delta["text"])
      part.reasoning += textOf(delta["thinking"])
      if (typeof delta["partial_json"] === "string") addCall(part, index, { args: delta["partial_json"] })
      return
    }
    case "message_delta":
      draft.finish = textOrNull(fieldsOf(fields["delta"])["stop_reason"]) ?? draft.finish
      return
    case "message_stop":
      draft.isOver = true
  }
}
