import type { EndpointKind } from "@boocontrol/shared/gateway"

/**
 * The beginning of an event stream, event by event, until it is known what it is.
 *
 * | kind    | what it is                                                                     | then                     |
 * | ------- | ------------------------------------------------------------------------------ | ------------------------ |
 * | waiting | nothing yet but comments and llama-swap's loading chunks                       | still may go elsewhere   |
 * | answer  | the first event of the answer                                                  | bytes pass, unread       |
 * | error   | an error in the place of an answer: as an event, or as raw JSON after loading  | goes elsewhere           |
 */
export type Opening =
  | { readonly kind: "waiting" }
  | { readonly kind: "answer" }
  | { readonly kind: "error"; readonly message: string }

export interface Opener {
  /** Bytes of whole events that are known to be no answer; they may be passed on. */
  readonly passable: Buffer
  readonly opening: Opening
  /** What was given but is not in `passable` yet. */
  readonly rest: Buffer
}

const EMPTY = Buffer.alloc(0)
const WAITING: Opening = { kind: "waiting" }
const ANSWER: Opening = { kind: "answer" }

/** A first event is a line or two; what is longer without an end is taken for an answer. */
const LONGEST_OPENING = 64 * 1024

/** Looks at what came so far and is not judged yet: `held` from before and the new chunk. */
export function open(held: Buffer, chunk: Buffer): Opener {
  const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
  let from = 0
  for (;;) {
    from = skipNewlines(bytes, from)
    const passable = bytes.subarray(0, from)
    const rest = bytes.subarray(from)
    if (rest.length === 0) return { passable, opening: WAITING, rest: EMPTY }
    // llama-swap writes the JSON of an error as it is, without `data:`, once it has begun a loading stream.
    if (rest[0] === 0x7b) return { passable, opening: rawError(rest), rest }
    const end = eventEnd(bytes, from)
    if (end === -1) {
      const opening = rest.length > LONGEST_OPENING ? ANSWER : WAITING
      return { passable, opening, rest }
    }
    const opening = judge(bytes.subarray(from, end))
    if (opening.kind !== "waiting") return { passable, opening, rest }
    from = end
  }
}

function skipNewlines(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length && (bytes[at] === 0x0a || bytes[at] === 0x0d)) at++
  return at
}

/** After the blank line that ends the event which begins at `from`, or -1. */
function eventEnd(bytes: Buffer, from: number): number {
  const plain = bytes.indexOf("\n\n", from)
  const windows = bytes.indexOf("\r\n\r\n", from)
  if (windows !== -1 && (plain === -1 || windows < plain)) return windows + 4
  return plain === -1 ? -1 : plain + 2
}

// Exactly as llama-swap writes them: no id, no model, no object beside the choices.
const LOADING = '{"choices":[{"delta":{"reasoning_content":'

function judge(event: Buffer): Opening {
  const text = event.toString("utf8", 0, Math.min(event.length, LONGEST_OPENING))
  const data: string[] = []
  let name = ""
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("data:")) data.push(line.slice(5).trimStart())
    else if (line.startsWith("event:")) name = line.slice(6).trim()
  }
  const body = data.join("\n")
  if (body === "")
    return name === "error" ? { kind: "error", message: "the stream began with an error" } : WAITING
  if (body.startsWith(LOADING)) return isLoading(body) ? WAITING : ANSWER
  if (name === "ping") return WAITING
  if (name === "error" || body.startsWith('{"error"') || body.startsWith('{"type":"error"')) {
    return { kind: "error", message: messageOf(body) }
  }
  return ANSWER
}

function isLoading(body: string): boolean {
  const parsed = parse(body)
  return typeof parsed === "object" && parsed !== null && Object.keys(parsed).length === 1
}

function rawError(rest: Buffer): Opening {
  const text = rest.toString("utf8", 0, Math.min(rest.length, LONGEST_OPENING))
  // It may come in pieces: as long as it is no JSON yet, there is nothing to judge. The end of the stream decides.
  return parse(text) === undefined ? WAITING : { kind: "error", message: messageOf(text) }
}

/** The message of an error body in any of the shapes that engines use. */
export function messageOf(body: string): string {
  const parsed = parse(body)
  const error = memberOf(parsed, "error") ?? memberOf(parsed, "message")
  const message = typeof error === "string" ? error : memberOf(error, "message")
  return typeof message === "string" && message !== "" ? message.slice(0, 500) : body.trim().slice(0, 500)
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const DONE = /(?:^|\n)data: ?\[DONE\]/
/** The last event of the engine's own streams. Quotes within a text would be escaped. */
const STOPPED = /"stop": ?true/

/** How a stream of this kind says that it is whole; no API here is without such a word. */
const TERMINATORS: Partial<Record<EndpointKind, readonly RegExp[]>> = {
  chat: [DONE],
  // `/v1/completions` ends as chat does, the engine's own `/completion` with `stop`.
  completion: [DONE, STOPPED],
  infill: [DONE, STOPPED],
  messages: [/(?:^|\n)event: ?message_stop|"type": ?"message_stop"/],
  responses: [/(?:(?:^|\n)event: ?|"type": ?")response\.(?:completed|incomplete|failed)/],
}

export type Ending = "whole" | "told" | "cut"

/** `told`: it broke, and the host has said so itself in the last event. */
export function endingOf(kind: EndpointKind, tail: string): Ending {
  const words = TERMINATORS[kind]
  if (words === undefined || words.some((word) => word.test(tail))) return "whole"
  const last =
    tail
      .trimEnd()
      .split(/\r?\n\r?\n/)
      .at(-1) ?? ""
  return /(?:^|\n)(?:event: ?error|data: ?\{"(?:error|type":"error)")/.test(last) ? "told" : "cut"
}

/** The event that ends a stream which broke, in the words of its API; first a blank line, as an event may be cut in two. */
export function errorEvent(
  kind: EndpointKind,
  problem: { message: string; code: string; reason?: string },
): string {
  const { message, code, reason } = problem
  const facts = { code, ...(reason !== undefined && { reason }) }
  switch (kind) {
    case "messages":
      return event("error", { type: "error", error: { type: "api_error", message, ...facts } })
    case "responses":
      return event("error", {
        ...{ type: "error", code, message, param: null },
        error: { message, type: "server_error", ...facts },
      })
    default:
      return event(null, { error: { message, type: "server_error", param: null, ...facts } })
  }
}

function event(name: string | null, data: unknown): string {
  return `\n\n${name === null ? "" : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`
}
