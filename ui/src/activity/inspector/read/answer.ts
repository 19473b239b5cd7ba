import { addAnthropic } from "./answer-anthropic.ts"
import { addChat, addNative } from "./answer-openai.ts"
import { addResponses } from "./answer-responses.ts"
import { fieldsOf, numberOrNull, shown, textOf, textOrNull } from "./conversation.ts"
import type { Fields, Message } from "./conversation.ts"
import { emptyDraft, messageFrom } from "./draft.ts"
import type { Draft, Timings } from "./draft.ts"
import { parsedObject } from "./request.ts"
import { readSse } from "./sse.ts"

export interface Answer {
  readonly messages: readonly Message[]
  readonly isStream: boolean
  /** A stream said that it is over; false: it just ended. Null: not a stream. */
  readonly isComplete: boolean | null
  readonly finish: string | null
  readonly model: string | null
  readonly timings: Timings | null
  readonly usage: Readonly<Record<string, unknown>> | null
  /** What llama-swap wrote into the stream while it loaded the model. */
  readonly loading: string
  readonly error: string | null
  /** Events that could not be read: a cut body leaves some. */
  readonly unread: number
}

/** An answer put together from its events, or read as it is: of whichever API it speaks. */
export function readAnswer(body: string): Answer {
  const draft = emptyDraft()
  const whole = parsedObject(body)
  if (whole !== null) {
    addObject(draft, whole)
    return answerOf(draft, { isStream: false, unread: 0 })
  }
  const { events, stray } = readSse(body)
  let unread = 0
  for (const { data } of events) {
    if (data.trim() === "[DONE]") {
      draft.isOver = true
      continue
    }
    const fields = parsedObject(data)
    if (fields === null) unread += 1
    else addObject(draft, fields)
  }
  for (const line of stray) {
    const fields = parsedObject(line)
    if (fields === null) unread += 1
    else addObject(draft, fields)
  }
  return answerOf(draft, { isStream: true, unread })
}

function addObject(draft: Draft, fields: Fields): void {
  const problem = errorIn(fields)
  if (problem !== null) draft.error = problem
  draft.timings = timingsOf(fields["timings"]) ?? draft.timings
  draft.usage = usageIn(fields) ?? draft.usage
  draft.model = textOrNull(fields["model"]) ?? draft.model
  const type = textOf(fields["type"])
  if (Array.isArray(fields["choices"])) addChat(draft, fields)
  else if (type.startsWith("response.") || fields["object"] === "response") addResponses(draft, fields)
  else if (type === "message" || ANTHROPIC.has(type)) addAnthropic(draft, fields)
  else if (typeof fields["content"] === "string") addNative(draft, fields)
  else if (problem === null && type === "") draft.other = shown(fields)
}

const ANTHROPIC = new Set([
  ...["message_start", "content_block_start", "content_block_delta", "content_block_stop"],
  ...["message_delta", "message_stop", "ping"],
])

/** llama-swap writes its errors as a text or as an object, the servers as an object with a message. */
function errorIn(fields: Fields): string | null {
  const given = fields["error"]
  if (given === undefined || given === null) return null
  return textOrNull(given) ?? textOrNull(fieldsOf(given)["message"]) ?? shown(given)
}

function usageIn(fields: Fields): Fields | null {
  const places = [
    fields["usage"],
    fieldsOf(fields["response"])["usage"],
    fieldsOf(fields["message"])["usage"],
  ]
  const found = places.find((place) => Object.keys(fieldsOf(place)).length > 0)
  return found === undefined ? null : fieldsOf(found)
}

export function timingsOf(value: unknown): Timings | null {
  const given = fieldsOf(value)
  if (Object.keys(given).length === 0) return null
  return {
    ...{ promptMs: numberOrNull(given["prompt_ms"]), predictedMs: numberOrNull(given["predicted_ms"]) },
    ...{ promptTokens: numberOrNull(given["prompt_n"]), predictedTokens: numberOrNull(given["predicted_n"]) },
    cachedTokens: numberOrNull(given["cache_n"]),
    ...{
      draftTokens: numberOrNull(given["draft_n"]),
      draftAccepted: numberOrNull(given["draft_n_accepted"]),
    },
  }
}

function answerOf(draft: Draft, { isStream, unread }: { isStream: boolean; unread: number }): Answer {
  const messages = [...draft.parts.values()].map(messageFrom)
  const rest =
    messages.length === 0 && draft.other !== "" ? [messageFrom({ ...draft.blank(), text: draft.other })] : []
  return {
    messages: [...messages, ...rest],
    isStream,
    isComplete: isStream ? draft.isOver : null,
    ...{ finish: draft.finish, model: draft.model, timings: draft.timings, usage: draft.usage },
    ...{ loading: draft.loading, error: draft.error, unread },
  }
}
