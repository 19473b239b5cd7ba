import type { InflightData, InflightRequest } from "@boocontrol/shared/activity"
import { SourceLabel } from "@boocontrol/shared/ids"
import { instantOf, parseRfc3339 } from "@boocontrol/shared/time"
import type { Caller } from "../activity/ports.ts"
import { redactHeaders } from "./redact.ts"
import type { InflightEntry, InflightMessage } from "./shapes.ts"

/**
 * Requests in flight, whichever way this version tells them. `entries` is null where it only counts.
 * Null as a whole: nothing was told yet.
 */
export type Inflight =
  | { readonly entries: ReadonlyMap<string, InflightEntry>; readonly total: number }
  | { readonly entries: null; readonly total: number }

export interface InflightStep {
  readonly inflight: Inflight | null
  /** A request came or went: worth showing at once. Progress is not. */
  readonly changed: boolean
  readonly ended: readonly InflightEntry[]
}

export function applyInflight(before: Inflight | null, message: InflightMessage): InflightStep {
  if ("total" in message)
    return step({ entries: null, total: message.total }, before?.total !== message.total)
  const known = before?.entries ?? new Map<string, InflightEntry>()
  if (!("operation" in message)) return replaced(before, known, message.requests ?? [])
  switch (message.operation) {
    case "snapshot":
      return replaced(before, known, message.requests ?? [])
    case "upsert": {
      const { request } = message
      const entries = new Map(known).set(request.id, request)
      const was = known.get(request.id)
      const answering = Object.keys(request.resp_headers ?? {}).length > 0
      const changed = !was || answering !== Object.keys(was.resp_headers ?? {}).length > 0
      return step({ entries, total: entries.size }, changed)
    }
    case "remove": {
      // Sent for entries that a snapshot already left out, too.
      const gone = known.get(message.id)
      if (!gone) return { inflight: before, changed: false, ended: [] }
      const entries = new Map(known)
      entries.delete(message.id)
      return { inflight: { entries, total: entries.size }, changed: true, ended: [gone] }
    }
  }
}

function replaced(
  before: Inflight | null,
  known: ReadonlyMap<string, InflightEntry>,
  requests: readonly InflightEntry[],
): InflightStep {
  const entries = new Map(requests.map((entry) => [entry.id, entry]))
  const ended = [...known.values()].filter(({ id }) => !entries.has(id))
  const changed = before === null || ended.length > 0 || requests.some(({ id }) => !known.has(id))
  return { inflight: { entries, total: entries.size }, changed, ended }
}

function step(inflight: Inflight, changed: boolean): InflightStep {
  return { inflight, changed, ended: [] }
}

/** What travels. `sessionHeaders`: the header names that this engine's UI takes for session ids. */
export function inflightDataOf(inflight: Inflight | null, sessionHeaders: readonly string[]): InflightData {
  if (inflight === null) return { requests: null, total: null }
  if (inflight.entries === null) return { requests: null, total: inflight.total }
  const requests = [...inflight.entries.values()].map((entry) => inflightRequestOf(entry, sessionHeaders))
  return { requests, total: requests.length }
}

const MAX_LABEL_CHARS = 200

export function inflightRequestOf(entry: InflightEntry, sessionHeaders: readonly string[]): InflightRequest {
  const headers = entry.req_headers ?? {}
  const startedAtMs = parseRfc3339(entry.timestamp)
  return {
    id: entry.id,
    started_at: startedAtMs === null ? null : instantOf(startedAtMs),
    model: entry.model ?? "",
    req_path: entry.req_path ?? null,
    method: entry.method ?? null,
    phase: phaseOf(entry),
    resp_bytes: entry.resp_bytes ?? null,
    headers: redactHeaders(headers),
    ...callerOfHeaders(headers, sessionHeaders),
    client_ip: entry.remote_ip || null,
  }
}

/** What the headers of a request say of who made it; the address is not among them. */
export function callerOfHeaders(
  headers: Readonly<Record<string, string>>,
  sessionHeaders: readonly string[],
): Omit<Caller, "client_ip"> {
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const header = (name: string): string | null =>
    byName.get(name.toLowerCase())?.slice(0, MAX_LABEL_CHARS) || null
  const source = SourceLabel.safeParse(header("x-boo-source"))
  return {
    source: source.success ? source.data : null,
    request_id: header("x-boo-request-id"),
    user_agent: header("user-agent"),
    session_id: sessionHeaders.map(header).find((value) => value !== null) ?? null,
  }
}

function phaseOf({ resp_headers: answered }: InflightEntry): InflightRequest["phase"] {
  if (!answered) return null
  return Object.keys(answered).length > 0 ? "answering" : "waiting"
}
