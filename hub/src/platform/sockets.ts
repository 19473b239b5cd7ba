import websocket from "@fastify/websocket"
import type { WebSocket } from "@fastify/websocket"
import type { FastifyInstance, FastifyRequest } from "fastify"
import type { Socket } from "node:net"
import { ClientFrame, DEFAULT_TOPICS } from "@boocontrol/shared/frames"
import type { Frame, FrameHandlers } from "@boocontrol/shared/frames"
import type { HostId } from "@boocontrol/shared/ids"
import { unreachable } from "@boocontrol/shared/unreachable"
import type { Clock } from "./clock.ts"
import { bytesOf } from "./frame-bytes.ts"
import type { Log } from "./log.ts"
import { CLIENT_LIMITS, createSocketClient } from "./socket-client.ts"
import type { ClientLimits, ClientSocket, ReadyFrame, SocketClient } from "./socket-client.ts"
import { SOCKET_PROTOCOL } from "./socket-token.ts"

/** What a reader gets besides the stream, asked at the moment it is needed. */
export interface SocketSources {
  snapshot(): Frame
  /** One host as a whole; null where there is none. */
  resync(host: HostId): Frame | null
  /** What a topic has to say to somebody who has just subscribed: the log tail, the newest sample. */
  replay(topic: string): Frame[]
}

export interface SocketsOptions {
  sources: SocketSources
  clock: Clock
  log: Log
  limits?: ClientLimits
}

export interface SocketStats {
  clients: number
  frames: number
  bytes: number
  lost: number
  bad: number
}

export interface Sockets {
  /** One sender per frame type: the only way out to cockpits. */
  send: FrameHandlers
  /** Adds the WebSocket routes below `prefix`. */
  install(app: FastifyInstance, prefix: string): Promise<void>
  stats(): SocketStats
  /** Tells every reader that this hub goes away. */
  stop(): void
}

const PATHS = ["/api/control/ws", "/api/ws/control"]
const PING_EVERY_MS = 15_000
const MAX_BAD_FRAMES = 5
const MAX_INCOMING_BYTES = 64 * 1024
/** Readers that do not answer a goodbye must not hold up the end. */
const LEAVE_WITHIN_MS = 1_000
const GOING_AWAY = 1001
const POLICY_VIOLATION = 1008

interface Reader {
  client: SocketClient
  socket: WebSocket
  topics: Set<string>
  bad: number
  isAlive: boolean
}

export function createSockets({ sources, clock, log, limits = CLIENT_LIMITS }: SocketsOptions): Sockets {
  const readers = new Set<Reader>()
  const counts = { frames: 0, bytes: 0, lost: 0, bad: 0 }

  const ready = (frame: Frame, how: Omit<ReadyFrame, "bytes">): ReadyFrame => ({
    ...how,
    bytes: bytesOf(frame),
  })

  const deliver = (reader: Reader, frame: ReadyFrame): void => {
    counts.frames += 1
    counts.bytes += frame.bytes.length
    reader.client.send(frame)
    if (reader.client.isClosed()) forget(reader)
  }

  const broadcast = (frame: Frame, how: { topics: readonly string[]; loss: ReadyFrame["loss"] }): void => {
    let prepared: ReadyFrame | null = null
    for (const reader of readers) {
      if (!how.topics.some((topic) => reader.topics.has(topic))) continue
      prepared ??= ready(frame, { topic: how.topics[0] ?? "", loss: how.loss })
      deliver(reader, prepared)
    }
  }

  const send: FrameHandlers = {
    control_fleet: (frame) => broadcast(frame, { topics: ["fleet"], loss: "never" }),
    control_activity: (frame) => broadcast(frame, { topics: ["activity"], loss: "never" }),
    control_perf: (frame) =>
      broadcast(frame, { topics: [`perf:${frame.provider_id}`, "perf:*"], loss: "newest" }),
    control_log: (frame) => broadcast(frame, { topics: [`log:${frame.provider_id}`], loss: "drop" }),
    control_job: (frame) => broadcast(frame, { topics: ["jobs"], loss: "never" }),
  }

  const join = (socket: WebSocket, request: FastifyRequest): void => {
    const client = createSocketClient(gathering(socket, request.raw.socket), {
      limits,
      lagged: (topic, dropped) =>
        ready({ type: "control_fleet", kind: "lagged", topic, dropped }, { topic: "fleet", loss: "never" }),
      onLost: (count) => (counts.lost += count),
    })
    const reader: Reader = { client, socket, topics: new Set(), bad: 0, isAlive: true }
    readers.add(reader)
    socket.on("message", (data, isBinary) => hear(reader, isBinary ? "" : textOf(data)))
    socket.on("pong", () => (reader.isAlive = true))
    socket.on("close", () => forget(reader))
    subscribe(reader, DEFAULT_TOPICS)
  }

  const subscribe = (reader: Reader, topics: readonly string[]): void => {
    const before = reader.topics
    reader.topics = new Set(topics)
    for (const topic of reader.topics) {
      if (before.has(topic)) continue
      // Whoever did not listen for a while has holes in every host: a snapshot replaces all at once.
      const frames = topic === "fleet" ? [sources.snapshot()] : sources.replay(topic)
      for (const frame of frames) {
        deliver(reader, ready(frame, { topic, loss: topic === "fleet" ? "never" : "drop" }))
      }
    }
  }

  const hear = (reader: Reader, text: string): void => {
    const frame = parseClientFrame(text)
    if (frame === null) return refuse(reader)
    switch (frame.type) {
      case "subscribe":
        return subscribe(reader, frame.topics)
      case "resync": {
        const full = sources.resync(frame.provider_id)
        if (full) deliver(reader, ready(full, { topic: "fleet", loss: "never" }))
        return
      }
      default:
        return unreachable(frame)
    }
  }

  const refuse = (reader: Reader): void => {
    counts.bad += 1
    reader.bad += 1
    if (reader.bad < MAX_BAD_FRAMES) return
    log.warn({ part: "sockets", bad: reader.bad }, "a reader sent frames that make no sense and was closed")
    reader.socket.close(POLICY_VIOLATION, "frames that make no sense")
    forget(reader)
  }

  const forget = (reader: Reader): void => void readers.delete(reader)

  const ping = (): void => {
    for (const reader of readers) {
      if (reader.isAlive) {
        reader.isAlive = false
        reader.socket.ping()
      } else {
        reader.socket.terminate()
        forget(reader)
      }
    }
  }
  let endPings: (() => void) | null = null

  return {
    send,
    stats: () => ({ clients: readers.size, ...counts }),
    async install(app, prefix) {
      await app.register(websocket, {
        options: {
          maxPayload: MAX_INCOMING_BYTES,
          handleProtocols: (offered) => (offered.has(SOCKET_PROTOCOL) ? SOCKET_PROTOCOL : false),
        },
        errorHandler: (error, socket) => {
          log.debug({ part: "sockets", err: error }, "a socket failed")
          socket.terminate()
        },
      })
      await app.register(async (scope) => {
        for (const path of PATHS) scope.get(prefix + path, { websocket: true }, join)
      })
      endPings = clock.every(PING_EVERY_MS, ping)
    },
    stop() {
      endPings?.()
      endPings = null
      const leaving = [...readers]
      readers.clear()
      for (const { socket } of leaving) socket.close(GOING_AWAY, "the hub stops")
      clock.setTimeout(() => leaving.forEach(({ socket }) => socket.terminate()), LEAVE_WITHIN_MS)
    },
  }
}

/**
 * Everything that is sent within one turn leaves in one write. A change of many hosts at once, for many readers, would
 * otherwise be a call of the operating system for each frame and reader, while nobody is heard.
 */
function gathering(socket: WebSocket, wire: Socket): ClientSocket {
  let isHeld = false
  const hold = (): void => {
    if (isHeld) return
    isHeld = true
    wire.cork()
    setImmediate(() => {
      isHeld = false
      wire.uncork()
    })
  }
  return {
    get bufferedAmount() {
      return socket.bufferedAmount
    },
    send(data, options, sent) {
      hold()
      socket.send(data, options, sent)
    },
    close: (code, reason) => socket.close(code, reason),
  }
}

function parseClientFrame(text: string): ClientFrame | null {
  try {
    const parsed = ClientFrame.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

function textOf(data: Buffer | ArrayBuffer | Buffer[]): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8")
  return Buffer.isBuffer(data) ? data.toString("utf8") : Buffer.from(data).toString("utf8")
}
