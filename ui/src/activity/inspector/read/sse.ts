export interface SseEvent {
  readonly name: string
  readonly data: string
}

export interface SseText {
  readonly events: readonly SseEvent[]
  /** Lines that belong to no event: an error that came as plain JSON into an open stream, or what a cut left. */
  readonly stray: readonly string[]
}

/** The text of an event stream as its events. Says nothing of what they mean. */
export function readSse(text: string): SseText {
  const events: SseEvent[] = []
  const stray: string[] = []
  let name = ""
  let data: string[] = []
  const end = () => {
    if (data.length > 0) events.push({ name, data: data.join("\n") })
    name = ""
    data = []
  }
  for (const line of text.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(":")
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "")
    if (line === "") end()
    else if (field === "data") data.push(value)
    else if (field === "event") name = value
    else if (field !== "" && field !== "id" && field !== "retry") stray.push(line)
  }
  end()
  return { events, stray }
}
