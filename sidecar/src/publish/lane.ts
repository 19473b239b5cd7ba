import type { StreamName } from "@boocontrol/shared/subjects"
import type { Clock } from "../platform/clock.ts"
import { reasonOf } from "../platform/log.ts"
import type { Log } from "../platform/log.ts"
import type { Spool, SpoolRecord } from "../spool/ports.ts"
import type { PublishOutcome } from "./pub-ack.ts"

/**
 * Brings one stream's messages from the spool to the stream, each until it is acknowledged.
 *
 * | state   | entered when               | does                                       | leaves                          |
 * | ---     | ---                        | ---                                        | ---                             |
 * | closed  | no connection, or a twin   | nothing                                    | open() -> sending               |
 * | sending | opened, or waited enough   | keeps up to 64 on the way                  | a refusal or silence -> waiting |
 * | waiting | one was refused or unheard | forgets what was on the way                | after a backoff -> sending      |
 *
 * What was kept is sent oldest first, at a bounded rate and never with more than half of what may be on the way. What
 * happens meanwhile goes at once and overtakes it, except a message that says more of an earlier one. So what is kept
 * arrives in order, and what happens now arrives now. What was on the way when one fails belongs to what is kept:
 * the same message id makes the stream drop what it has.
 */
export interface Lane {
  open(): void
  close(): void
  /** A message may be sent from now on. */
  appended(record: SpoolRecord): void
  /** The answer to what was sent with this token. */
  answered(token: string, outcome: PublishOutcome): void
  /** Resolves when everything in the spool is stored, or the signal is aborted. */
  drained(signal: AbortSignal): Promise<void>
}

export interface LaneOptions {
  stream: StreamName
  spool: Spool
  clock: Clock
  log: Log
  /** Hands a record to NATS; its answer comes back with the token. False where there is no connection; throws
   * where this message can never be sent. */
  send(record: SpoolRecord, token: string): boolean
}

const MAX_IN_FLIGHT = 64
const MAX_KEPT_IN_FLIGHT = 32
// 64 of the largest messages would be 32 MB of socket buffer.
const MAX_IN_FLIGHT_BYTES = 2 * 1024 * 1024
/**
 * Kept messages in a fifth of a second, with 16 KB each: of samples, five of which are in a message, an hour in 48 seconds and
 * a day in twenty minutes; of all else 25 messages a second. Where a hundred hosts came back together that is what one hub
 * stores as it comes. Two thirds more made what is live wait twice as long (`pnpm perf:ingest`), and an hour was there 11
 * seconds sooner. One that was away for a moment is below the first allowance.
 */
const FIRST_ALLOWANCE = 64
const ALLOWANCE: Readonly<Record<StreamName, number>> = { BOO_EVENTS: 5, BOO_PERF: 3 }
const ALLOWANCE_EVERY_MS = 200
const BYTES_PER_ALLOWANCE = 16 * 1024
// A stream answers in milliseconds; a leaf node over a slow link in a second or two.
const ACK_TIMEOUT_MS = 5_000
const FIRST_BACKOFF_MS = 500
const LONGEST_BACKOFF_MS = 15_000

export function createLane({ stream, spool, clock, log, send }: LaneOptions): Lane {
  /** By position, in the order sent. */
  const inFlight = new Map<number, { bytes: number; kept: boolean; number: number }>()
  let state: "closed" | "sending" | "waiting" = "closed"
  // Answers of an earlier attempt must not count as refusals of this one.
  let attempt = 0
  /** What is kept was sent up to here. */
  let last = 0
  /** Nothing beyond `last` is left to be sent. */
  let caughtUp = false
  let sent = 0
  let inFlightBytes = 0
  let keptInFlight = 0
  let allowance = 0
  let cancelAllowance: (() => void) | null = null
  let failures = 0
  let pumping = false
  let wanted = false
  let watching = false
  let cancelWait = () => {}
  let saidWhy: string | null = null
  const drainWaiters = new Set<() => void>()

  function restart(): void {
    attempt += 1
    inFlight.clear()
    inFlightBytes = 0
    keptInFlight = 0
    last = 0
    caughtUp = false
    cancelAllowance?.()
    cancelAllowance = null
    allowance = FIRST_ALLOWANCE
  }

  function fail(why: string): void {
    restart()
    state = "waiting"
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** failures, LONGEST_BACKOFF_MS)
    failures += 1
    if (why !== saidWhy) log.warn(`${stream} did not store a message: ${why}. It is kept and sent again`)
    saidWhy = why
    cancelWait = clock.setTimeout(() => {
      if (state !== "waiting") return
      state = "sending"
      void pump()
    }, backoffMs)
  }

  /** One timer for all that is on the way, and no wall time: what was there when it was set is too old when it ends. */
  function watch(): void {
    if (watching) return
    watching = true
    const watched = { attempt, sent }
    clock.setTimeout(() => {
      watching = false
      const oldest = inFlight.values().next().value
      if (state !== "sending" || oldest === undefined) return
      if (watched.attempt === attempt && oldest.number <= watched.sent) fail("no answer in time")
      else watch()
    }, ACK_TIMEOUT_MS)
  }

  function hasRoom(): boolean {
    return state === "sending" && inFlight.size < MAX_IN_FLIGHT && inFlightBytes < MAX_IN_FLIGHT_BYTES
  }

  function hasRoomForKept(): boolean {
    if (!hasRoom() || keptInFlight >= MAX_KEPT_IN_FLIGHT) return false
    if (allowance > 0) return true
    cancelAllowance ??= clock.setTimeout(() => {
      cancelAllowance = null
      allowance = ALLOWANCE[stream]
      void pump()
    }, ALLOWANCE_EVERY_MS)
    return false
  }

  /** False where nothing can be sent now. */
  function sendOne(record: SpoolRecord, kept: boolean): boolean {
    const bytes = record.payload.byteLength
    try {
      if (!send(record, `${attempt}.${record.position}`)) return false
    } catch (error) {
      log.warn(`a ${record.kind} message of ${bytes} bytes cannot be sent: ${reasonOf(error)}`)
      spool.discard(stream, record.position)
      return true
    }
    sent += 1
    inFlight.set(record.position, { bytes, kept, number: sent })
    inFlightBytes += bytes
    if (kept) {
      keptInFlight += 1
      allowance -= Math.ceil(bytes / BYTES_PER_ALLOWANCE)
    }
    watch()
    return true
  }

  async function pump(): Promise<void> {
    // What arrives while the spool is being read is seen by the next round.
    wanted = true
    if (pumping) return
    pumping = true
    while (wanted && !caughtUp && hasRoomForKept()) {
      wanted = false
      const asked = attempt
      const records = await spool.read(stream, last, MAX_KEPT_IN_FLIGHT)
      if (asked !== attempt) wanted = true
      else if (records.length > 0) wanted = sendKept(records)
      else if (!wanted) caughtUp = true
    }
    pumping = false
  }

  /** False where the connection is gone. */
  function sendKept(records: readonly SpoolRecord[]): boolean {
    for (const record of records) {
      if (!inFlight.has(record.position)) {
        if (!hasRoomForKept()) return true
        if (!sendOne(record, true)) return false
      }
      last = record.position
    }
    return true
  }

  function landed(position: number): void {
    const was = inFlight.get(position)
    if (!was) return
    inFlight.delete(position)
    inFlightBytes -= was.bytes
    if (was.kept) keptInFlight -= 1
  }

  return {
    open() {
      if (state !== "closed") return
      restart()
      failures = 0
      state = "sending"
      void pump()
    },
    close() {
      cancelWait()
      restart()
      state = "closed"
    },
    appended(record) {
      if (state !== "sending" || inFlight.has(record.position)) return
      const mayOvertake = caughtUp || !record.inOrder
      if (mayOvertake && hasRoom() && sendOne(record, false)) {
        if (caughtUp) last = record.position
        return
      }
      caughtUp = false
      void pump()
    },
    answered(token, outcome) {
      const [ofAttempt, position] = token.split(".").map(Number)
      if (ofAttempt === undefined || position === undefined) return
      if (outcome.kind !== "refused") {
        // Stored is stored, whichever attempt the answer belongs to.
        if (ofAttempt === attempt) landed(position)
        if (outcome.kind === "stored") spool.remove(stream, position)
        else spool.discard(stream, position)
        failures = 0
        saidWhy = null
        if (!caughtUp) void pump()
        for (const check of drainWaiters) check()
      } else if (ofAttempt === attempt && state === "sending") fail(outcome.reason)
    },
    drained(signal) {
      return new Promise((resolve) => {
        const check = () => {
          if (spool.depth(stream) > 0 && !signal.aborted) return
          drainWaiters.delete(check)
          resolve()
        }
        drainWaiters.add(check)
        signal.addEventListener("abort", check, { once: true })
        check()
      })
    },
  }
}
