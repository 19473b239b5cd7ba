import { Pool } from "undici"
import type { Dispatcher } from "undici"

/** A host on the same network answers a connect in milliseconds; one that is off never does. */
const CONNECT_MS = 3_000
const KEEP_ALIVE_MS = 15_000

export interface Pools {
  /** Sends one request; `handler` hears what becomes of it. */
  dispatch(baseUrl: string, options: SendOptions, handler: Dispatcher.DispatchHandler): void
  close(): Promise<void>
}

export interface SendOptions {
  readonly method: string
  readonly path: string
  readonly headers: string[]
  readonly body: Dispatcher.DispatchOptions["body"]
}

interface Way {
  readonly pool: Pool
  readonly prefix: string
}

/**
 * One pool of connections per host. Its own deadlines are off: a model may take minutes to load, and the exchange
 * watches the time. One request per connection at a time: behind a stream nothing may wait.
 */
export function createPools(): Pools {
  const ways = new Map<string, Way>()
  const wayTo = (baseUrl: string): Way => {
    const known = ways.get(baseUrl)
    if (known) return known
    const url = new URL(baseUrl)
    const pool = new Pool(url.origin, {
      ...{ connectTimeout: CONNECT_MS, keepAliveTimeout: KEEP_ALIVE_MS, pipelining: 1, connections: null },
      ...{ headersTimeout: 0, bodyTimeout: 0, maxHeaderSize: 64 * 1024 },
    })
    const way = { pool, prefix: url.pathname === "/" ? "" : url.pathname.replace(/\/$/, "") }
    ways.set(baseUrl, way)
    return way
  }
  return {
    dispatch(baseUrl, { method, path, headers, body }, handler) {
      const { pool, prefix } = wayTo(baseUrl)
      pool.dispatch({ method, path: prefix + path, headers, body: body ?? null }, handler)
    },
    async close() {
      const pools = [...ways.values()].map(({ pool }) => pool)
      ways.clear()
      await Promise.all(pools.map((pool) => pool.destroy()))
    },
  }
}
