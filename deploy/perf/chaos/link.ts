import { once } from "node:events"
import { connect, createServer } from "node:net"
import type { Socket } from "node:net"

/**
 * | state   | what the two ends see                                                        |
 * | ---     | ---                                                                          |
 * | through | an ordinary connection                                                       |
 * | slow    | everything 300 ms late, 64 KB a second                                       |
 * | cut     | connections are reset, new ones too                                          |
 * | held    | nothing arrives; what was sent arrives when it ends, as after a short partition |
 * | lost    | nothing arrives, ever: when it ends the connections are reset                |
 *
 * `forget` is what a firewall does that restarts: connections that are there never pass anything again, new ones do.
 */
export type LinkState = "through" | "slow" | "cut" | "held" | "lost"

/** A wire that can be broken: listens on loopback and passes on to a port. */
export interface Link {
  readonly port: number
  set(state: LinkState): void
  forget(): void
  close(): Promise<void>
}

const TICK_MS = 25
const SLOW_BY_MS = 300
const SLOW_BYTES_PER_TICK = (64 * 1024 * TICK_MS) / 1000

interface Direction {
  to: Socket
  waiting: { sinceMs: number; chunk: Buffer }[]
  ended: boolean
  forgotten: boolean
}

export async function openLink(target: () => number): Promise<Link> {
  let state: LinkState = "through"
  const pairs = new Set<{ ends: [Socket, Socket]; directions: Direction[] }>()

  const server = createServer((client) => {
    if (state === "cut") return void client.resetAndDestroy()
    const upstream = connect({ host: "127.0.0.1", port: target(), noDelay: true })
    client.setNoDelay(true)
    const directions = [
      { to: upstream, waiting: [], ended: false, forgotten: false },
      { to: client, waiting: [], ended: false, forgotten: false },
    ]
    const pair = { ends: [client, upstream] as [Socket, Socket], directions }
    pairs.add(pair)
    const drop = (): void => {
      pairs.delete(pair)
      for (const end of pair.ends) end.destroy()
    }
    for (const [index, from] of pair.ends.entries()) {
      const direction = directions[index]
      if (!direction) continue
      from.on("data", (chunk) => receive(direction, chunk))
      from.on("error", () => undefined)
      // A partition also hides that the other side is gone.
      from.on("close", () => (state === "held" || state === "lost" ? (direction.ended = true) : finish()))
      const finish = (): void => {
        pass(direction, Infinity, 0)
        direction.to.end()
        setTimeout(drop, 50)
      }
    }
  })

  function receive(direction: Direction, chunk: Buffer): void {
    if (direction.forgotten) return
    if (state === "through" && direction.waiting.length === 0) direction.to.write(chunk)
    else if (state !== "lost") direction.waiting.push({ sinceMs: performance.now(), chunk })
  }

  function pass(direction: Direction, bytes: number, ageMs: number): void {
    let left = bytes
    for (;;) {
      const first = direction.waiting[0]
      if (!first || left <= 0 || performance.now() - first.sinceMs < ageMs) return
      direction.waiting.shift()
      left -= first.chunk.length
      if (direction.to.writable) direction.to.write(first.chunk)
    }
  }

  function resetAll(): void {
    for (const pair of pairs) for (const end of pair.ends) end.resetAndDestroy()
    pairs.clear()
  }

  const timer = setInterval(() => {
    if (state !== "through" && state !== "slow") return
    for (const pair of pairs) {
      for (const direction of pair.directions) {
        if (state === "through") pass(direction, Infinity, 0)
        else pass(direction, SLOW_BYTES_PER_TICK, SLOW_BY_MS)
        if (direction.ended && direction.waiting.length === 0) direction.to.destroy()
      }
    }
  }, TICK_MS)

  server.listen({ host: "127.0.0.1", port: 0 })
  await once(server, "listening")
  const address = server.address()
  return {
    port: typeof address === "object" && address ? address.port : 0,
    set(next) {
      if (next === "cut" || state === "lost") resetAll()
      state = next
    },
    forget() {
      for (const pair of pairs) for (const direction of pair.directions) direction.forgotten = true
    },
    async close() {
      clearInterval(timer)
      resetAll()
      server.close()
      await once(server, "close")
    },
  }
}
