export interface ReconnectDelayOptions {
  /** Between two tries, ms. */
  firstMs: number
  /** On top of it, up to so many ms, by chance: many clients shall not come back in one moment. */
  jitterMs: number
  /** How many servers the client tries in turn. */
  servers: number
  /** Wall clock, as the client reads it. */
  now(): number
  /** 0 to 1. */
  random(): number
}

/** The client notes the time of a try a moment after it asks. */
const SPARE_MS = 10_000

/**
 * The `reconnectDelayHandler` of a NATS client, for clocks that are set. The client (@nats-io/nats-core 3.4, `dodialLoop`)
 * tries a server again once `last try + delay` has gone by on the wall clock. Tried while the clock was an hour ahead, a
 * server would not be tried again for an hour after it was set back: then each server gets one delay that lies as far in
 * the past.
 */
export function reconnectDelay({
  firstMs,
  jitterMs,
  servers,
  now,
  random,
}: ReconnectDelayOptions): () => number {
  let newestMs = now()
  /** Times of tries that may still lie ahead, one a server, and how far. */
  let ahead = 0
  let aheadMs = 0
  return () => {
    const nowMs = now()
    if (nowMs < newestMs) {
      ahead = servers
      aheadMs = newestMs - nowMs + SPARE_MS
    }
    newestMs = nowMs
    if (ahead === 0) return firstMs + Math.floor(random() * jitterMs)
    ahead -= 1
    return -aheadMs
  }
}
