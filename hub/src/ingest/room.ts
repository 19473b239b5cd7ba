import type { StreamName } from "@boocontrol/shared/subjects"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { NatsConnection } from "../platform/nats.ts"
import { removeMessages, usageOf } from "../platform/streams.ts"
import { storedEnough } from "./core.ts"

/**
 * A stream at its limit refuses new messages, though all it holds may be in Postgres. A thousand hosts of four GPUs write
 * 100 MB a minute, of a GiB: looked at this often, a half that is free cannot fill up in between.
 */
const LOOK_EVERY_MS = 20_000

/** Keeps room in a stream: of what is stored, the oldest goes once more than half of it is used. */
export function keepRoom(options: {
  nc: NatsConnection
  clock: Clock
  log: Log
  stream: StreamName
}): () => void {
  const { nc, clock, log, stream } = options
  let isLooking = false
  const look = async (): Promise<void> => {
    if (isLooking || nc.isClosed()) return
    isLooking = true
    try {
      await makeRoom(options)
    } catch (error) {
      // Without a stream or a durable there is nothing to remove; what is really wrong stops the reading too, and is told there.
      log.debug({ err: error, stream }, "the room in the stream was not looked at")
    }
    isLooking = false
  }
  return clock.every(LOOK_EVERY_MS, () => void look())
}

/** One look. Resolves to how many messages went. Several hubs may do this at once. */
export async function makeRoom({
  nc,
  log,
  stream,
}: {
  nc: NatsConnection
  log: Log
  stream: StreamName
}): Promise<number> {
  const usage = await usageOf(nc, stream)
  const below = storedEnough(usage)
  if (below === null) return 0
  const removed = await removeMessages(nc, stream, { from: usage.firstSeq, to: below - 1 })
  if (removed > 0)
    log.info({ stream, removed }, "messages that are in Postgres left the stream, to make room")
  return removed
}
