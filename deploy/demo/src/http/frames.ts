import type { Engine } from "../engine/engine.ts"
import type { EngineEvent, LogSource } from "../engine/events.ts"
import type { InflightEntry, InflightUpdate } from "../engine/inflight.ts"
import { goJson } from "../go-json.ts"

/** The release that brought each. */
const SINCE = { inflightChanges: 240, uiConfig: 240, profiles: 241 }

export type MessageType =
  "modelStatus" | "logData" | "activity" | "metrics" | "inflight" | "uiConfig" | "profileChanged"

export interface Message {
  type: MessageType
  value: unknown
}

/** One frame, byte for byte: no space after the colons, the payload encoded twice. */
export function frameOf(message: Message): string {
  return `event:message\ndata:${goJson({ type: message.type, data: goJson(message.value) })}\n\n`
}

/** What a new stream is told first, in this order. */
export function burstOf(engine: Engine): Message[] {
  const messages: Message[] = [
    logMessage("proxy", engine.logs.proxy.history()),
    logMessage("upstream", engine.logs.upstream.history()),
    { type: "modelStatus", value: engine.listing.modelStatus() },
  ]
  const { old, release } = engine.edition
  if (old) messages.push({ type: "metrics", value: rowsWithCaptures(engine) })
  if (release >= SINCE.uiConfig) {
    messages.push({
      type: "uiConfig",
      value: { activity: { session_id: ["X-Session-ID", "X-Litellm-Session-Id"] } },
    })
  }
  if (release >= SINCE.profiles)
    messages.push({ type: "profileChanged", value: { active: engine.profile() } })
  const snapshot = { operation: "snapshot" as const, requests: engine.inflight.snapshot() }
  return [...messages, ...messagesOf(engine, { kind: "inflight", update: snapshot })]
}

/** What a live stream is told of an event; nothing where the version does not know it. */
export function messagesOf(engine: Engine, event: EngineEvent): Message[] {
  const { old, release } = engine.edition
  switch (event.kind) {
    case "models":
      return [{ type: "modelStatus", value: engine.listing.modelStatus() }]
    case "log":
      return [logMessage(event.source, event.data)]
    case "profile":
      return release < SINCE.profiles ? [] : [{ type: "profileChanged", value: { active: engine.profile() } }]
    case "activity":
      return [
        old ? { type: "metrics", value: [event.row] } : { type: "activity", value: { id: event.row.id } },
      ]
    case "inflight":
      if (release >= SINCE.inflightChanges) return [{ type: "inflight", value: inflightValue(event.update) }]
      // Before v240 there is no progress: the whole list, when it changed.
      return isProgress(event.update) ? [] : [oldInflight(engine)]
  }
}

export function rowsWithCaptures(engine: Engine) {
  return engine
    .activity()
    .rows()
    .map((row) => ({ ...row, has_capture: engine.captures.has(row.id) }))
}

function logMessage(source: LogSource, data: Buffer): Message {
  return { type: "logData", value: { data: data.toString("utf8"), source } }
}

/** An empty snapshot has no `requests` at all. */
function inflightValue(update: InflightUpdate) {
  return update.operation === "snapshot" && update.requests.length === 0 ? { operation: "snapshot" } : update
}

function isProgress(update: InflightUpdate): boolean {
  return update.operation === "upsert" && Object.keys(update.request.resp_headers).length > 0
}

function oldInflight(engine: Engine): Message {
  return { type: "inflight", value: { requests: engine.inflight.snapshot().map(oldEntry) } }
}

function oldEntry({ id, timestamp, model, req_path, method }: InflightEntry) {
  return { id, timestamp, model, req_path, method }
}
