import { instantOf } from "@boocontrol/shared/time"
import type { StreamName } from "@boocontrol/shared/subjects"
import { GIVEN_UP_IN_ORDER } from "./lanes.ts"
import type { Spool, SpoolLoss, SpoolMessage, SpoolRecord } from "./ports.ts"

interface Held extends SpoolRecord {
  resolve(): void
  reject(reason: Error): void
}

// What an entry costs beside its payload: two small objects, their promise and a map slot.
const OVERHEAD_BYTES = 500

/** A spool that ends with the process. */
export function memorySpool(maxBytes: number): Spool {
  // A Map keeps insertion order, so its first entry is the oldest and removal anywhere is cheap.
  const lanes: Record<StreamName, Map<number, Held>> = { BOO_EVENTS: new Map(), BOO_PERF: new Map() }
  const losses = new Map<SpoolLoss["reason"], SpoolLoss>()
  let nextPosition = 1
  let bytes = 0
  let dropped = 0

  function forget(lane: StreamName, position: number): Held | null {
    const held = lanes[lane].get(position)
    if (!held) return null
    lanes[lane].delete(position)
    bytes -= held.payload.byteLength + OVERHEAD_BYTES
    return held
  }

  function lose(held: Held, reason: SpoolLoss["reason"]): void {
    dropped += 1
    const loss = losses.get(reason) ?? { reason, count: 0, byKind: {}, fromMs: held.atMs, toMs: held.atMs }
    loss.count += 1
    loss.byKind[held.kind] = (loss.byKind[held.kind] ?? 0) + 1
    loss.fromMs = Math.min(loss.fromMs, held.atMs)
    loss.toMs = Math.max(loss.toMs, held.atMs)
    losses.set(reason, loss)
    held.reject(new Error(`a ${held.kind} message was given up: ${reason}`))
  }

  function makeRoom(): void {
    for (const lane of GIVEN_UP_IN_ORDER) {
      for (const position of lanes[lane].keys()) {
        // The newest message stays even where it alone is over the limit: it may be the one that says so.
        if (bytes <= maxBytes || position === nextPosition - 1) break
        const held = forget(lane, position)
        if (held) lose(held, "no_room")
      }
    }
  }

  function append(message: SpoolMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      const position = nextPosition++
      lanes[message.lane].set(position, { ...message, position, resolve, reject })
      bytes += message.payload.byteLength + OVERHEAD_BYTES
      makeRoom()
    })
  }

  return {
    append,
    read(lane, after, limit) {
      const found: SpoolRecord[] = []
      for (const held of lanes[lane].values()) {
        if (held.position <= after) continue
        found.push(held)
        if (found.length >= limit) break
      }
      return Promise.resolve(found)
    },
    remove: (lane, position) => forget(lane, position)?.resolve(),
    discard(lane, position) {
      const held = forget(lane, position)
      if (held) lose(held, "too_large")
    },
    takeLosses() {
      const taken = [...losses.values()]
      losses.clear()
      return taken
    },
    status() {
      let depth = 0
      let oldest = Infinity
      for (const lane of Object.values(lanes)) {
        depth += lane.size
        const first = lane.values().next().value
        if (first) oldest = Math.min(oldest, first.atMs)
      }
      return { depth, bytes, oldest_at: oldest === Infinity ? null : instantOf(oldest), dropped }
    },
  }
}
