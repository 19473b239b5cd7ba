/** A frame ready for the wire: serialised once for all readers. */
export interface ReadyFrame {
  readonly bytes: Buffer
  readonly topic: string
  /** What may happen to it on the way to a slow reader. `newest`: only the last of each topic matters. */
  readonly loss: "never" | "newest" | "drop"
}

/** The part of a WebSocket that is used here. */
export interface ClientSocket {
  readonly bufferedAmount: number
  send(data: Buffer, options: { binary: boolean }, sent: () => void): void
  close(code: number, reason: string): void
}

export interface ClientLimits {
  /** Bytes waiting for a reader from which on it gets no samples and no log lines. */
  softBytes: number
  /** Bytes waiting from which on it is sent away: it can join again and starts from a snapshot. */
  hardBytes: number
}

// A cockpit on a phone can be a second behind without losing anything; a snapshot of 200 hosts is about 1 MB.
export const CLIENT_LIMITS: ClientLimits = { softBytes: 1024 * 1024, hardBytes: 8 * 1024 * 1024 }

/** Closed for being too slow: "try again later". */
export const TOO_SLOW = 1013

export interface SocketClient {
  send(frame: ReadyFrame): void
  /** True from the moment it was sent away. */
  isClosed(): boolean
}

export interface ClientOptions {
  limits: ClientLimits
  /** Builds the frame that says how many of a topic were lost. */
  lagged: (topic: string, dropped: number) => ReadyFrame
  onLost: (count: number) => void
}

/**
 * The way to one reader.
 *
 * | state     | entered when                        | a frame that may be lost     | leaves when                     |
 * | --------- | ----------------------------------- | ---------------------------- | ------------------------------- |
 * | flowing   | joined                              | sent                         | softBytes wait: congested       |
 * | congested | a frame came with softBytes waiting | kept if newest, else counted | a quarter is left: flowing      |
 * | closed    | a frame that must not be lost would | dropped                      |                                 |
 * |           | have made more than hardBytes wait  |                              |                                 |
 */
export function createSocketClient(socket: ClientSocket, options: ClientOptions): SocketClient {
  const { limits, lagged, onLost } = options
  let state: "flowing" | "congested" | "closed" = "flowing"
  const newest = new Map<string, ReadyFrame>()
  const dropped = new Map<string, number>()

  const sent = (): void => {
    if (state !== "congested" || socket.bufferedAmount > limits.softBytes / 4) return
    state = "flowing"
    const losses = [...dropped]
    const kept = [...newest.values()]
    dropped.clear()
    newest.clear()
    for (const [topic, count] of losses) write(lagged(topic, count))
    for (const frame of kept) write(frame)
  }
  const write = (frame: ReadyFrame): void => socket.send(frame.bytes, { binary: false }, sent)

  const lose = (topic: string): void => {
    dropped.set(topic, (dropped.get(topic) ?? 0) + 1)
    onLost(1)
  }

  return {
    isClosed: () => state === "closed",
    send(frame) {
      if (state === "closed") return
      const waiting = socket.bufferedAmount
      if (frame.loss === "never") {
        if (waiting + frame.bytes.length <= limits.hardBytes || waiting === 0) return write(frame)
        state = "closed"
        newest.clear()
        // It waits behind everything this reader has not taken; a socket that never takes it ends by itself.
        return socket.close(TOO_SLOW, "too slow: join again")
      }
      if (state === "flowing" && waiting < limits.softBytes) return write(frame)
      state = "congested"
      if (frame.loss === "drop") return lose(frame.topic)
      if (newest.has(frame.topic)) lose(frame.topic)
      newest.set(frame.topic, frame)
    },
  }
}
