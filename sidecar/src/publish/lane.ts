import type { StreamName } from "@boocontrol/shared/subjects"
import type { Clock } from "../platform/clock.ts"
import { reasonOf } from "../platform/log.ts"
import type { Log } from "../platform/log.ts"
import type { Spool, SpoolRecord } from "../spool/ports.ts"
import type { PublishOutcome } from "./pub-ack.ts"

/**
 * Brings one stream's messages from the spool to the stream, in order, each until it is acknowledged.
 *
 * | state   | entered when               | does                                      | leaves                          |
 * | ---     | ---                        | ---                                       | ---                             |
 * | closed  | no connection, or a twin   | nothing                                   | open() -> sending               |
 * | sending | opened, or waited enough   | keeps up to 64 on the way, oldest first   | a refusal or silence -> waiting |
 * | waiting | one was refused or unheard | forgets what was on the way               | after a backoff -> sending      |
 *
 * What was on the way when one fails is sent again from the oldest: the same message id makes the stream drop
 * what it has, and nobody is overtaken for long.
 */
export interface Lane {
  open(): void
  close(): void
  /** Something new is in the spool. */
  pump(): void
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
// 64 of the largest messages would be 32 MB of socket buffer.
const MAX_IN_FLIGHT_BYTES = 4 * 1024 * 1024
// A stream answers in milliseconds; a leaf node over a slow link in a second or two.
const ACK_TIMEOUT_MS = 5_000
const FIRST_BACKOFF_MS = 500
const LONGEST_BACKOFF_MS = 15_000

export function createLane({ stream, spool, clock, log, send }: LaneOptions): Lane {
  /** Position to size, in the order sent. */
  const inFlight = new Map<number, number>()
  let state: "closed" | "sending" | "waiting" = "closed"
  // Answers of an earlier attempt must not count as refusals of this one.
  let attempt = 0
  let last = 0
  let inFlightBytes = 0
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
    last = 0
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
    const watched = { attempt, newest: last }
    clock.setTimeout(() => {
      watching = false
      const oldest = inFlight.keys().next().value
      if (state !== "sending" || oldest === undefined) return
      if (watched.attempt === attempt && oldest <= watched.newest) fail("no answer in time")
      else watch()
    }, ACK_TIMEOUT_MS)
  }

  function hasRoom(): boolean {
    return state === "sending" && inFlight.size < MAX_IN_FLIGHT && inFlightBytes < MAX_IN_FLIGHT_BYTES
  }

  /** False where nothing can be sent now. */
  function sendOne(record: SpoolRecord): boolean {
    const bytes = record.payload.byteLength
    try {
      if (!send(record, `${attempt}.${record.position}`)) return false
    } catch (error) {
      log.warn(`a ${record.kind} message of ${bytes} bytes cannot be sent: ${reasonOf(error)}`)
      spool.discard(stream, record.position)
      wanted = true
      return true
    }
    last = record.position
    inFlight.set(record.position, bytes)
    inFlightBytes += bytes
    watch()
    return true
  }

  async function pump(): Promise<void> {
    // What arrives while the spool is being read is seen by the next round.
    wanted = true
    if (pumping) return
    pumping = true
    while (wanted && hasRoom()) {
      wanted = false
      const asked = attempt
      const records = await spool.read(stream, last, MAX_IN_FLIGHT - inFlight.size)
      if (asked !== attempt) wanted = true
      else for (const record of records) if (!hasRoom() || !sendOne(record)) break
    }
    pumping = false
    for (const check of drainWaiters) check()
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
    pump: () => void pump(),
    answered(token, outcome) {
      const [ofAttempt, position] = token.split(".").map(Number)
      if (ofAttempt === undefined || position === undefined) return
      if (outcome.kind !== "refused") {
        // Stored is stored, whichever attempt the answer belongs to.
        const bytes = ofAttempt === attempt ? inFlight.get(position) : undefined
        if (bytes !== undefined) {
          inFlight.delete(position)
          inFlightBytes -= bytes
        }
        if (outcome.kind === "stored") spool.remove(stream, position)
        else spool.discard(stream, position)
        failures = 0
        saidWhy = null
        void pump()
      } else if (ofAttempt === attempt && state === "sending") fail(outcome.reason)
    },
    drained(signal) {
      return new Promise((resolve) => {
        const check = () => {
          void spool.read(stream, 0, 1).then((left) => {
            if (left.length > 0 && !signal.aborted) return
            drainWaiters.delete(check)
            resolve()
          })
        }
        drainWaiters.add(check)
        signal.addEventListener("abort", check, { once: true })
        check()
      })
    },
  }
}
