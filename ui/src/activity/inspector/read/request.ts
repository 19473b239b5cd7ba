import { callsOf, fieldsOf, listOf, messageOf, shown, textOf, textOrNull } from "./conversation.ts"
import type { Fields, Message } from "./conversation.ts"

export interface AskedTool {
  readonly name: string
  readonly description: string
}

export interface Asked {
  readonly messages: readonly Message[]
  readonly tools: readonly AskedTool[]
  /** Everything else that was asked for: temperature, limits, formats. */
  readonly settings: readonly (readonly [name: string, value: string])[]
  /** The body is JSON that can be read. */
  readonly isRead: boolean
}

const CONVERSATION = new Set([
  "messages",
  "system",
  "prompt",
  "input",
  "instructions",
  "tools",
  "query",
  "documents",
])

/** A request body as messages, of whichever API it speaks. */
export function readRequest(body: string): Asked {
  const request = parsedObject(body)
  if (request === null) return { messages: [], tools: [], settings: [], isRead: false }
  return {
    messages: messagesOf(request),
    tools: listOf(request["tools"]).map(toolOf),
    settings: Object.entries(request)
      .filter(([name]) => !CONVERSATION.has(name))
      .map(([name, value]) => [name, shown(value)] as const),
    isRead: true,
  }
}

export function parsedObject(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}

function toolOf(given: unknown): AskedTool {
  const tool = fieldsOf(given)
  const called = fieldsOf(tool["function"])
  return {
    name: textOrNull(called["name"]) ?? textOrNull(tool["name"]) ?? textOf(tool["type"]),
    description: textOf(called["description"]) || textOf(tool["description"]),
  }
}

function messagesOf(request: Fields): Message[] {
  const before = request["system"] ?? request["instructions"]
  const first = before === undefined || before === null ? [] : [messageOf("system", before)]
  if (Array.isArray(request["messages"])) return [...first, ...request["messages"].map(chatMessage)]
  if (Array.isArray(request["input"])) return [...first, ...request["input"].map(inputItem)]
  const texts = ["prompt", "input", "query"].flatMap((name) =>
    request[name] === undefined ? [] : [messageOf(name, shown(request[name]))],
  )
  const documents = listOf(request["documents"]).map((text) => messageOf("document", shown(text)))
  return [...first, ...texts, ...documents]
}

function chatMessage(given: unknown): Message {
  const message = fieldsOf(given)
  const read = messageOf(textOf(message["role"]) || "unknown", message["content"])
  return {
    ...read,
    reasoning: textOf(message["reasoning_content"]) || read.reasoning,
    calls: [...read.calls, ...callsOf(message["tool_calls"])],
    answers: textOrNull(message["tool_call_id"]) ?? read.answers,
  }
}

/** An item of the responses API; plain texts to be embedded stand there too. */
function inputItem(given: unknown): Message {
  if (typeof given !== "object") return messageOf("input", shown(given))
  const item = fieldsOf(given)
  switch (item["type"]) {
    case "function_call":
      return { ...messageOf("assistant", ""), calls: callsOf([{ ...item, id: item["call_id"] }]) }
    case "function_call_output":
      return { ...messageOf("tool", shown(item["output"])), answers: textOrNull(item["call_id"]) }
    case "reasoning":
      return { ...messageOf("assistant", ""), reasoning: summaryOf(item["summary"]) }
    default:
      return messageOf(textOf(item["role"]) || "unknown", item["content"])
  }
}

export function summaryOf(summary: unknown): string {
  return listOf(summary)
    .map((part) => textOf(fieldsOf(part)["text"]))
    .join("\n")
}
