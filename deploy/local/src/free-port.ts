import { once } from "node:events"
import { randomInt } from "node:crypto"
import { createServer } from "node:net"
import { codeOf } from "./failure.ts"

/**
 * Below the ports that systems give to connections of their own (Linux from 32768, Windows and macOS from 49152):
 * what is chosen among those may be some connection's by the time that a server wants it, and is so sooner or later.
 */
export const CHOSEN = { from: 20_000, below: 32_768 } as const
const TRIES = 50

/** The wanted port while nobody listens on it, else one that is free and that no connection is given. */
export async function freePort(host: string, wanted: number | null): Promise<number> {
  if (wanted !== null && (await isFree(host, wanted))) return wanted
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(CHOSEN.from, CHOSEN.below)
    if (await isFree(host, port)) return port
  }
  return bindOnce(host, 0)
}

export async function isFree(host: string, port: number): Promise<boolean> {
  try {
    await bindOnce(host, port)
    return true
  } catch (error) {
    if (codeOf(error) === "EADDRINUSE") return false
    throw error
  }
}

async function bindOnce(host: string, port: number): Promise<number> {
  const server = createServer()
  server.listen({ host, port, exclusive: true })
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  return typeof address === "object" && address !== null ? address.port : port
}
