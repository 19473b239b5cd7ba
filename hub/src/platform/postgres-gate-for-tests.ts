import { connect, createServer } from "node:net"
import type { Server, Socket } from "node:net"
import { onTestFinished } from "vitest"

export interface Gate {
  url: string
  /** Refuses and cuts every connection until it is opened again. */
  shut(reset?: boolean): Promise<void>
  open(): Promise<void>
  /** As a firewall that restarts: what is connected never passes anything again, in either direction; new ones do. */
  forget(): void
}

/** A way to the test's Postgres that can be cut. */
export async function gateTo(url: string): Promise<Gate> {
  const target = new URL(url)
  const postgresPort = Number(target.port)
  const open = new Set<Socket>()
  const forgotten = new Set<Socket>()
  const server: Server = createServer((client) => {
    const upstream = connect(postgresPort, target.hostname)
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket
        .on("error", () => undefined)
        .on("close", () => {
          if (!open.delete(socket)) return
          client.destroy()
          upstream.destroy()
        })
    }
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      from.on("data", (chunk) => open.has(from) && to.write(chunk))
  })
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => server.listen(port, "127.0.0.1", resolve))
  const shut = (reset = false): Promise<void> => {
    for (const socket of open) {
      if (reset) socket.resetAndDestroy()
      else socket.destroy()
    }
    return new Promise((resolve) => server.close(() => resolve()))
  }
  await listen(0)
  const address = server.address()
  const port = typeof address === "object" && address ? address.port : 0
  onTestFinished(() => {
    for (const socket of forgotten) socket.destroy()
    return server.listening ? shut() : undefined
  })
  const forget = (): void => {
    for (const socket of open) forgotten.add(socket)
    open.clear()
  }
  target.host = `127.0.0.1:${port}`
  return { url: target.href, shut, open: () => listen(port), forget }
}
