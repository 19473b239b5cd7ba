import type { Clock } from "../platform/clock.ts"
import type { EngineHttp, HttpStream } from "./http.ts"

/** While a stream is open: only whether this process is awake. */
const AWAKE_MS = 1_000
/** No engine starts, loads a model, answers and is gone again within this time. */
const KNOCK_MS = 250
/** An engine that is away for long is knocked at less often. */
const KNOCK_LATER_MS = 1_000
const LATER_AFTER_MS = 30_000
const KNOCK_TIMEOUT_MS = 1_000
/** So much later than due, a look missed what an engine may have done meanwhile: the process or machine was frozen. */
const STALL_MS = 1_500

/**
 * Watches while no event stream is open. Between two tries to connect an engine may have been started, have answered
 * requests and have been restarted: its rows are gone, and neither the store before nor the one after tells of it.
 *
 * | a knock                              | means                                                        |
 * | ------------------------------------ | ------------------------------------------------------------ |
 * | is answered                          | an engine lives; what it streams is held, and not looked at  |
 * | is answered after one that was not   | it is back: `back` is told, and may connect at once          |
 * | the stream that is held ends         | that life is over, or that store, and nobody followed it     |
 * | comes late                           | nobody can say what was between                              |
 */
export interface Vigil {
  /** No stream is open. Nothing where it has begun already. */
  begin(): void
  /** A try to connect failed: a stream that is held may be one to a machine that is gone without a word. */
  failed(): void
  /** A stream is open. True: an engine may have lived since `begin` whose rows nobody read. */
  end(): boolean
  stop(): void
}

export interface VigilOptions {
  http: Pick<EngineHttp, "stream">
  /** Of a stream that lasts as long as the engine and its store. */
  path: string
  clock: Clock
  /** The engine answers again; `goneMs`: for how long it did not. */
  back: (goneMs: number) => void
}

export function createVigil({ http, path, clock, back }: VigilOptions): Vigil {
  let beganMs: number | null = null
  let goneSinceMs: number | null = null
  let unseenLife = false
  /** The last knock was answered. */
  let alive = false
  let held: HttpStream | null = null
  let knocking = false
  let dueMs = 0
  let stalledMs = -Infinity
  let cancel: () => void = () => {}

  function schedule(ms: number): void {
    cancel()
    dueMs = clock.now() + ms
    cancel = clock.setTimeout(tick, ms)
  }

  function tick(): void {
    const now = clock.now()
    if (now - dueMs > STALL_MS) {
      stalledMs = now
      unseenLife ||= beganMs !== null
    }
    if (beganMs === null) return schedule(AWAKE_MS)
    void knock()
    schedule(now - beganMs > LATER_AFTER_MS ? KNOCK_LATER_MS : KNOCK_MS)
  }

  async function knock(): Promise<void> {
    if (held || knocking) return
    knocking = true
    try {
      const stream = await http.stream(path, KNOCK_TIMEOUT_MS)
      const isServed = stream.status === 200
      if (beganMs === null || !isServed) stream.close()
      if (beganMs === null) return
      // A proxy may answer for an engine that is not there.
      if (stream.status >= 500) return gone()
      answered()
      if (isServed) void hold(stream)
    } catch {
      gone()
    } finally {
      knocking = false
    }
  }

  function answered(): void {
    const goneMs = goneSinceMs === null ? null : clock.now() - goneSinceMs
    goneSinceMs = null
    alive = true
    if (goneMs !== null) back(goneMs)
  }

  function gone(): void {
    unseenLife ||= alive
    alive = false
    goneSinceMs ??= clock.now()
  }

  async function hold(stream: HttpStream): Promise<void> {
    held = stream
    try {
      const chunks = stream.chunks[Symbol.asyncIterator]()
      while (!(await chunks.next()).done);
    } catch {
      // Broken or ended in order: it is over.
    }
    if (held !== stream) return
    held = null
    gone()
  }

  function letGo(): void {
    const stream = held
    held = null
    stream?.close()
  }

  return {
    begin() {
      if (beganMs !== null) return
      const now = clock.now()
      beganMs = now
      goneSinceMs = null
      alive = false
      // What woke this process may be what ended the stream, some moments ago.
      unseenLife = now - Math.max(stalledMs, dueMs) > STALL_MS || Math.abs(now - stalledMs) < STALL_MS
      // Not at once: an engine that is ending may answer for some milliseconds more than its streams last.
      schedule(KNOCK_MS)
    },
    failed() {
      if (!held) return
      letGo()
      gone()
    },
    end() {
      const missed = unseenLife
      beganMs = null
      letGo()
      schedule(AWAKE_MS)
      return missed
    },
    stop() {
      cancel()
      beganMs = null
      letGo()
    },
  }
}
