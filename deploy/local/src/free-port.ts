import { once } from "node:events"
import { createServer } from "node:net"
import { codeOf } from "./failure.ts"

/** The wanted port while nobody listens on it, else one that the system picks. */
export async function freePort(host: string, wanted: number | null): Promise<number> {
  if (wanted !== null && (await isFree(host, wanted))) return wanted
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
