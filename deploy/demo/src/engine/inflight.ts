import type { Clock } from "../clock.ts"
import { rfc3339 } from "../timestamp.ts"

/** Byte progress of one request is published at most this often. */
const PROGRESS_INTERVAL_MS = 250

const SECRET_HEADERS = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"])

export interface InflightEntry {
  id: string
  timestamp: string
  model: string
  req_path: string
  method: string
  req_headers: Record<string, string>
  remote_ip: string
  resp_headers: Record<string, string>
  resp_bytes: number
  elapsed_ms: number
}

export type InflightUpdate =
  | { operation: "snapshot"; requests: InflightEntry[] }
  | { operation: "upsert"; request: InflightEntry }
  | { operation: "remove"; id: string }

export interface InflightStart {
  model: string
  path: string
  method: string
  headers: Record<string, string>
  remoteIp: string
  cancel: () => void
}

interface Tracked {
  entry: InflightEntry
  startedAt: number
  lastEmittedAt: number
  cancelTimer: (() => void) | null
  cancel: () => void
}

/** One request's own: still its own after a reload has given its id to another. */
export interface InflightHandle {
  id: string
  headersSent(headers: Record<string, string>): void
  bytesSent(bytes: number): void
  remove(): void
}

export interface InflightTracker {
  add(start: InflightStart): InflightHandle
  cancel(id: string): boolean
  snapshot(): InflightEntry[]
  count(): number
  /** A reload builds the tracker anew: ids start again. */
  reset(): void
}

export function createInflightTracker(parts: {
  clock: Clock
  offsetMinutes: number
  publish: (update: InflightUpdate) => void
}): InflightTracker {
  const { clock, publish } = parts
  const tracked = new Map<string, Tracked>()
  let nextId = 1

  function current(request: Tracked): InflightEntry {
    return { ...request.entry, elapsed_ms: Math.max(0, Math.floor(clock.now() - request.startedAt)) }
  }
  function upsert(request: Tracked) {
    request.lastEmittedAt = clock.now()
    publish({ operation: "upsert", request: current(request) })
  }

  function handleOf(id: string, request: Tracked): InflightHandle {
    const isTracked = () => tracked.get(id) === request
    return {
      id,
      headersSent(headers) {
        if (!isTracked()) return
        request.entry.resp_headers = redact(headers)
        upsert(request)
      },
      bytesSent(bytes) {
        if (!isTracked() || bytes <= 0) return
        request.entry.resp_bytes += bytes
        if (request.cancelTimer) return
        const remainingMs = PROGRESS_INTERVAL_MS - (clock.now() - request.lastEmittedAt)
        if (remainingMs <= 0) return upsert(request)
        request.cancelTimer = clock.after(remainingMs, () => {
          request.cancelTimer = null
          if (isTracked()) upsert(request)
        })
      },
      remove() {
        if (!isTracked()) return
        request.cancelTimer?.()
        tracked.delete(id)
        publish({ operation: "remove", id })
      },
    }
  }

  return {
    add(start) {
      const id = String(nextId++)
      const startedAt = clock.now()
      const request: Tracked = {
        entry: {
          id,
          timestamp: rfc3339(startedAt, parts.offsetMinutes, "nanoseconds"),
          model: start.model,
          req_path: start.path,
          method: start.method,
          req_headers: redact(start.headers),
          remote_ip: start.remoteIp,
          resp_headers: {},
          resp_bytes: 0,
          elapsed_ms: 0,
        },
        startedAt,
        lastEmittedAt: startedAt,
        cancelTimer: null,
        cancel: start.cancel,
      }
      tracked.set(id, request)
      upsert(request)
      return handleOf(id, request)
    },
    cancel(id) {
      const request = tracked.get(id)
      request?.cancel()
      return request !== undefined
    },
    snapshot: () => [...tracked.values()].map(current),
    count: () => tracked.size,
    reset() {
      for (const request of tracked.values()) request.cancelTimer?.()
      tracked.clear()
      nextId = 1
    },
  }
}

/** Go's canonical header names, first value only, secrets hidden. */
export function redact(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      canonicalName(name),
      SECRET_HEADERS.has(name.toLowerCase()) ? "[REDACTED]" : value,
    ]),
  )
}

export function canonicalName(name: string): string {
  return name
    .toLowerCase()
    .split("-")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("-")
}
