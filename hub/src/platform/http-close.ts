import type { FastifyInstance } from "fastify"
import type { Clock } from "./clock.ts"

/** Whoever has not got the answer by then is cut off: it is not the data plane's, which is waited for before. */
const PATIENCE_MS = 2_000

/**
 * Closes a server once what it answers is answered. Node looks for idle connections a single time, when it is told to
 * close: one that is just being answered is kept afterwards for as long as clients may keep it, more than a minute here.
 */
export async function closeHttp({ server, close }: FastifyInstance, clock: Clock): Promise<void> {
  // Looked at when an answer ends; zero would mean for ever.
  Object.assign(server, { keepAliveTimeout: 1, keepAliveTimeoutBuffer: 0 })
  const cancel = clock.setTimeout(() => server.closeAllConnections(), PATIENCE_MS)
  await close()
  cancel()
}
