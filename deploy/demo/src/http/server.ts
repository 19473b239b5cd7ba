import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { accessLog } from "../engine/access-log.ts"
import type { Engine } from "../engine/engine.ts"
import { createExchange, type Exchange } from "./exchange.ts"

/** A listener on loopback that can go away and come back at the same port. */
export interface Listener {
  readonly port: number
  readonly url: string
  refuse(on: boolean): Promise<void>
  /** Requests are taken, answers are not given, until this is off again. */
  stall(on: boolean): void
  close(): Promise<void>
}

export async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  wantedPort: number,
): Promise<Listener> {
  const sockets = new Set<Socket>()
  let held: (() => void)[] | null = null
  let server = await open(wantedPort)
  const port = portOf(server)

  async function open(atPort: number): Promise<Server> {
    const opened = createServer((request, response) => {
      if (held) held.push(() => handle(request, response))
      else handle(request, response)
    })
    opened.keepAliveTimeout = 30_000
    opened.on("connection", (socket) => {
      // Frames must leave at once, as Go's do.
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    await new Promise<void>((resolve, reject) => {
      opened.once("error", reject)
      opened.listen(atPort, "127.0.0.1", () => resolve())
    })
    return opened
  }

  async function shut() {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async refuse(on) {
      if (on && server.listening) await shut()
      if (!on && !server.listening) server = await open(port)
    },
    stall(on) {
      if (on) held ??= []
      else {
        const waiting = held ?? []
        held = null
        for (const go of waiting) go()
      }
    },
    close: async () => {
      if (server.listening) await shut()
    },
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the listener has no port")
  return address.port
}

/** Every request of the simulated llama-swap: routed, then written to its access log when it is over. */
export function createSwapHandler(engine: Engine, route: (exchange: Exchange) => Promise<void>) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const exchange = createExchange(request, response)
    const startedAt = engine.now()
    response.once("close", () => {
      accessLog(engine, {
        remoteIp: exchange.remoteIp,
        method: exchange.method,
        path: exchange.path,
        status: response.statusCode,
        bytes: exchange.bytes(),
        userAgent: exchange.headers["user-agent"] ?? "",
        durationMs: engine.now() - startedAt,
      })
    })
    route(exchange).catch((error: unknown) => {
      // A simulator that fails silently would look like a finding about the product.
      process.stderr.write(`simulated host ${engine.scenario.host_id}: ${String(error)}\n`)
      response.destroy()
    })
  }
}
