/** What was said in a request or an answer, whatever API it came by. */
export interface ToolCall {
  readonly id: string | null
  readonly name: string | null
  /** As text: it may be cut, or no JSON at all. */
  readonly args: string
}

export interface Picture {
  /** A data address that can be shown; null where only a link or a mark was given. */
  readonly data: string | null
  readonly note: string
}

export interface Message {
  readonly role: string
  readonly text: string
  readonly reasoning: string
  readonly pictures: readonly Picture[]
  readonly calls: readonly ToolCall[]
  /** The call that a tool's answer belongs to. */
  readonly answers: string | null
}

export const NO_MESSAGE: Message = {
  ...{ role: "unknown", text: "", reasoning: "", pictures: [], calls: [], answers: null },
}

export type Fields = Readonly<Record<string, unknown>>

export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {}
}
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : ""
}
export function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null
}
export function numberOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null
}
/** Text as it is, anything else as JSON. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return ""
  return typeof value === "string" ? value : JSON.stringify(value, null, 2)
}

const PICTURE = /^data:image\/(?:png|jpeg|jpg|gif|webp);base64,[A-Za-z0-9+/=]+$/

export function pictureOf(address: string): Picture {
  // Only what is whole can be shown, and only from itself: nothing is fetched because somebody named it in a prompt.
  if (PICTURE.test(address)) return { data: address, note: `${Math.round((address.length * 3) / 4096)} KB` }
  if (address.startsWith("data:")) return { data: null, note: "picture, cut" }
  return { data: null, note: address.slice(0, 120) }
}

/** Content as OpenAI, Anthropic and the responses API write it: a text, or parts of several kinds. */
export function messageOf(role: string, content: unknown): Message {
  const message = { text: [] as string[], reasoning: [] as string[] }
  const pictures: Picture[] = []
  const calls: ToolCall[] = []
  let answers: string | null = null
  for (const part of typeof content === "string" ? [{ type: "text", text: content }] : listOf(content)) {
    const fields = fieldsOf(part)
    switch (fields["type"]) {
      case "image_url":
      case "input_image": {
        const given = fields["image_url"]
        pictures.push(pictureOf(textOf(given) || textOf(fieldsOf(given)["url"])))
        break
      }
      case "image": {
        const source = fieldsOf(fields["source"])
        const data = `data:${textOf(source["media_type"])};base64,${textOf(source["data"])}`
        pictures.push(pictureOf(textOf(source["url"]) || data))
        break
      }
      case "input_audio":
        pictures.push({ data: null, note: "sound" })
        break
      case "tool_use":
        calls.push({
          ...{ id: textOrNull(fields["id"]), name: textOrNull(fields["name"]) },
          args: shown(fields["input"]),
        })
        break
      case "tool_result": {
        answers = textOrNull(fields["tool_use_id"])
        const inner = messageOf(role, fields["content"])
        message.text.push(inner.text)
        pictures.push(...inner.pictures)
        break
      }
      case "thinking":
        message.reasoning.push(textOf(fields["thinking"]))
        break
      default:
        // A part of a kind that nobody knows is shown as it is.
        message.text.push(typeof fields["text"] === "string" ? fields["text"] : shown(part))
    }
  }
  return {
    role,
    ...{ text: message.text.join("\n"), reasoning: message.reasoning.join("\n") },
    ...{ pictures, calls, answers },
  }
}

export function callsOf(value: unknown): ToolCall[] {
  return listOf(value).map((given) => {
    const call = fieldsOf(given)
    const called = fieldsOf(call["function"])
    return {
      id: textOrNull(call["id"]),
      name: textOrNull(called["name"]) ?? textOrNull(call["name"]),
      args: shown(called["arguments"] ?? call["arguments"]),
    }
  })
}
