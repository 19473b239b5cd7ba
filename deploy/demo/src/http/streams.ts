import type { ServerResponse } from "node:http"
import type { Engine } from "../engine/engine.ts"
import type { EngineEvent } from "../engine/events.ts"
import { burstOf, frameOf, type MessageType, messagesOf } from "./frames.ts"

/** The real one's buffer per client; what does not fit is dropped. */
const SEND_BUFFER_MESSAGES = 1024

export interface EventStreams {
  open(response: ServerResponse): void
  count(): number
  closeAll(): void
  sendRaw(bytes: string | Buffer): void
  dropNext(count: number, type: MessageType | null): void
  setSilent(on: boolean): void
}

interface Stream {
  response: ServerResponse
  pending: number
}

/** All open GET /api/events of one host, with the ways in which they can go wrong. */
export function createEventStreams(engine: Engine): EventStreams {
  const streams = new Set<Stream>()
  let silent = false
  let toDrop = { count: 0, type: null as MessageType | null }

  function send(stream: Stream, frame: string) {
    if (stream.pending >= SEND_BUFFER_MESSAGES) return warnDropped()
    stream.pending++
    stream.response.write(frame, () => stream.pending--)
  }

  let warning = false
  function warnDropped() {
    // The warning is a log line and so a message of its own: one at a time, or it would feed itself.
    if (warning) return
    warning = true
    engine.proxyLog("WARN", "handleAPIEvents sendBuffer full, dropped message")
    warning = false
  }

  function isDropped(type: MessageType): boolean {
    if (warning || toDrop.count === 0 || (toDrop.type !== null && toDrop.type !== type)) return false
    toDrop.count--
    return true
  }

  function publish(event: EngineEvent) {
    if (streams.size === 0 || silent) return
    for (const message of messagesOf(engine, event)) {
      if (isDropped(message.type)) {
        warnDropped()
        continue
      }
      const frame = frameOf(message)
      for (const stream of streams) send(stream, frame)
    }
  }

  engine.bus.on((event) => {
    // The list is made when the message is sent, not when the state changed: two quick changes give two equal lists.
    if (event.kind === "models") queueMicrotask(() => publish(event))
    else publish(event)
  })

  return {
    open(response) {
      response.writeHead(200, {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache",
        Connection: "keep-alive",
        "X-Content-Type-Options": "nosniff",
        "X-Accel-Buffering": "no",
      })
      const stream: Stream = { response, pending: 0 }
      if (silent) response.flushHeaders()
      else for (const message of burstOf(engine)) send(stream, frameOf(message))
      streams.add(stream)
      response.on("close", () => streams.delete(stream))
    },
    count: () => streams.size,
    closeAll() {
      for (const { response } of streams) response.end()
      streams.clear()
    },
    sendRaw(bytes) {
      for (const { response } of streams) response.write(bytes)
    },
    dropNext(count, type) {
      toDrop = { count, type }
    },
    setSilent(on) {
      silent = on
    },
  }
}
