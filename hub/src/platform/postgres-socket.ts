import { Socket } from "node:net"
import type { ParsedOptions } from "postgres"
import { systemClock } from "./clock.ts"

export type SocketFactory = (options: ParsedOptions) => Socket

/**
 * The library never sets TCP_NODELAY: a COPY, or a query longer than a segment, then waits for the peer's delayed
 * acknowledgement (some 40 to 90 ms each). It can be given a socket, and that one is made here.
 *
 * The socket is handed over before it connects, so that the library hears of a failure through the socket's own
 * events and tries again; a factory that rejects would leave its connection slot unused for ever. Several hosts
 * are tried in turn, as the library does.
 *
 * `answerWithinMs`: a connection whose server says nothing for so long, though it was asked, is given up.
 */
export function socketFactory(answerWithinMs: number | null): SocketFactory {
  let next = 0
  return (options) => {
    const index = next++ % options.host.length
    const host = options.host[index] ?? "localhost"
    const port = options.port[index] ?? 5432
    const socket = new ClosingInOrder()
    socket.setNoDelay(true)
    if (answerWithinMs !== null)
      giveUpWhenSilent(socket, { answerWithinMs, endsWhenIdle: Boolean(options.idle_timeout) })
    // `secure` of the library takes the server name of a TLS connection from here.
    Object.assign(socket, { host, port })
    // After the library has put its listeners on it, and before its first write, which it defers likewise.
    setImmediate(() => {
      if (options.path) socket.connect(options.path)
      else socket.connect(port, host)
    })
    return socket
  }
}

/**
 * The library sends what it wrote one turn of the event loop later, and crashes the process when the socket is gone by
 * then: a transaction whose connection breaks writes its `rollback` at just that moment. So queries hear of the end
 * first, then what they still write falls into a socket that is dead but there, and the close comes last, as one
 * without an error: after one with an error the library leaves what was written since without an answer, for ever.
 */
class ClosingInOrder extends Socket {
  /** Not a listener: the library removes all of them when it begins to speak TLS. */
  stopWatching = (): void => undefined

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== "close") return super.emit(event, ...args)
    this.stopWatching()
    if (args[0] !== true) super.emit("error", new ConnectionClosed())
    setImmediate(() => setImmediate(() => super.emit("close", false)))
    return true
  }
}

class ConnectionClosed extends Error {
  readonly code = "CONNECTION_CLOSED"
  constructor() {
    super("the connection to Postgres was closed")
  }
}

// Counted in looks, not in time: a clock that is set, or a process that was frozen, gives up nothing.
const LOOKS = 10

/**
 * A firewall that restarts forgets connections: what is sent on them is swallowed, and TCP gives them up after some 15
 * minutes. The kernel's keepalive finds those on which nothing was sent; this finds the others. Bytes are counted
 * below TLS.
 *
 * | since the last byte that came       | and then nothing comes                                          |
 * | something was sent                  | given up                                                        |
 * | nothing was sent, `endsWhenIdle`    | given up: an idle one is ended before that, so it waits for the rest of an answer |
 * | nothing was sent                    | left: it listens, or is a session that is used now and then     |
 */
function giveUpWhenSilent(
  socket: ClosingInOrder,
  { answerWithinMs, endsWhenIdle }: { answerWithinMs: number; endsWhenIdle: boolean },
): void {
  let read = 0
  let written = 0
  let asked = false
  let silentLooks = 0
  socket.stopWatching = systemClock.every(answerWithinMs / LOOKS, () => {
    if (socket.bytesRead !== read) {
      asked = false
      silentLooks = 0
    } else if (socket.bytesWritten !== written && !asked) {
      asked = true
      silentLooks = 0
    }
    read = socket.bytesRead
    written = socket.bytesWritten
    silentLooks += 1
    if ((asked || endsWhenIdle) && silentLooks > LOOKS) socket.destroy(new NoAnswer(answerWithinMs))
  })
}

class NoAnswer extends Error {
  readonly code = "ETIMEDOUT"
  constructor(withinMs: number) {
    super(`Postgres said nothing for ${withinMs / 1000} s: the connection is given up`)
  }
}
