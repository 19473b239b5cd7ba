import { instantOf } from "@boocontrol/shared/time"
import type { StreamName } from "@boocontrol/shared/subjects"
import type { Clock } from "../platform/clock.ts"
import { reasonOf } from "../platform/log.ts"
import type { Log } from "../platform/log.ts"
import { createArchive } from "./archive.ts"
import { admit } from "./core.ts"
import type { SpoolFiles } from "./files.ts"
import { frameHeader, HEADER_BYTES } from "./format.ts"
import { createLaneLog } from "./lane-log.ts"
import type { Held, LaneLog } from "./lane-log.ts"
import { GIVEN_UP_IN_ORDER, LANES } from "./lanes.ts"
import { createLedger } from "./ledger.ts"
import type { LossReason, Spool, SpoolEvents } from "./ports.ts"
import { recover } from "./recover.ts"
import type { Recovered } from "./recover.ts"
import { logNameOf, markDone, nameOf, newSegment, waitingIn } from "./segment.ts"
import type { Segment } from "./segment.ts"

/**
 * A spool in files that outlive the process.
 *
 * | state   | entered when            | does                                            | leaves                      |
 * | ---     | ---                     | ---                                             | ---                         |
 * | opening | made                    | finds what is left; what comes waits            | found -> writing            |
 * | writing | files can be written    | writes, then lets it be sent                    | a write fails -> memory     |
 * | memory  | files cannot be written | keeps a little, lets it be sent, tries to write | a write succeeds -> writing |
 * | closed  | the process ends        | nothing                                         |                             |
 */
type State = "opening" | "writing" | "memory" | "closed"

export interface DiskSpoolOptions {
  files: SpoolFiles
  maxBytes: number
  clock: Clock
  log: Log
}

// A file is given up, or removed when it is done, as a whole: larger ones lose and keep more than they must.
const SEGMENT_BYTES = 1024 * 1024
export const SMALLEST_SEGMENT_BYTES = 64 * 1024
/** Of a full spool, one of so many goes at once. */
const SEGMENTS_IN_FULL = 16
const BATCH_BYTES = 256 * 1024
/** Without a disk: forty minutes of samples of a host with four GPUs, and little against what the process takes by itself. */
export const MEMORY_BYTES = 4 * 1024 * 1024
/** A disk that is only busy answers within this; what happens is to be seen before somebody asks why it is not. */
const STALLED_AFTER_MS = 5_000
const FIRST_RETRY_MS = 1_000
/** What comes meanwhile is lost with the process: room on the disk is to be noticed soon. */
const LONGEST_RETRY_MS = 5_000

export function diskSpool(options: DiskSpoolOptions): Spool {
  const { files, maxBytes, clock, log } = options
  const segmentBytes = Math.min(SEGMENT_BYTES, Math.max(SMALLEST_SEGMENT_BYTES, maxBytes / SEGMENTS_IN_FULL))
  const ledger = createLedger(() => events.onLoss())
  const archive = createArchive({ files, clock, segments: allSegments, onSyncProblem })
  let lanes = lanesOf({ BOO_EVENTS: [], BOO_PERF: [] })
  let events: SpoolEvents = SILENT
  let early: Held[] = []
  let state: State = "opening"
  const problems: Record<"write" | "sync", string | null> = { write: null, sync: null }
  let problemAtMs = 0
  let nextNumber = 1
  let nextPosition: Recovered["nextPosition"] = { BOO_EVENTS: 1, BOO_PERF: 1 }
  let newest: Held | null = null
  let working: Promise<void> | null = null
  let mayWrite = true
  let retryMs = FIRST_RETRY_MS
  let cancelRetry = () => {}

  function lanesOf(segments: Recovered["segments"]): Record<StreamName, LaneLog> {
    const lane = (name: StreamName) =>
      createLaneLog({ lane: name, files, segments: segments[name], onUnreadable: unreadable })
    return { BOO_EVENTS: lane("BOO_EVENTS"), BOO_PERF: lane("BOO_PERF") }
  }

  function allSegments(): Segment[] {
    return LANES.flatMap((name) => lanes[name].segments)
  }

  function wake(): void {
    if (state === "opening" || state === "closed") return
    working ??= work().finally(() => {
      working = null
      // What came when it had just looked for the last time.
      if (mayWrite && nextLane()) wake()
    })
  }

  function nextLane(): LaneLog | undefined {
    return LANES.map((name) => lanes[name]).find(({ waiting }) => waiting.length > 0)
  }

  async function idle(): Promise<void> {
    for (let round = working; round; round = working) await round
  }

  async function work(): Promise<void> {
    for (;;) {
      await archive.removeRetired()
      const lane = nextLane()
      if (!lane || !mayWrite) return
      const cancelStalled = clock.setTimeout(() => withoutDisk("it does not answer"), STALLED_AFTER_MS)
      try {
        await writeBatch(lane)
      } catch (error) {
        failed(error)
      } finally {
        cancelStalled()
      }
    }
  }

  async function writeBatch(lane: LaneLog): Promise<void> {
    const batch = nextBatch(lane)
    const bytes = sizeOf(batch)
    const room = admit({ segments: allSegments(), maxBytes, incoming: { lane: lane.lane, bytes } })
    for (const segment of room.giveUp) await drop(segment)
    if (!room.admitted) {
      for (const held of batch) if (!held.settled) giveUp(held, "no_room")
      return
    }
    const segment = await segmentFor(lane, batch[0]?.record.position ?? 0, bytes)
    try {
      const parts = batch.flatMap(({ record }) => [frameHeader(record), record.payload])
      await segment.file?.write(parts, segment.bytes)
    } catch (error) {
      // Half a record takes room that others may need; the next write begins where it began.
      await segment.file?.truncate(segment.bytes).catch(() => undefined)
      throw error
    }
    for (const held of batch) place(held, segment)
    lane.written()
    archive.wrote(segment)
    writable()
    for (const held of batch) {
      if (held.settled) continue
      held.resolve()
      events.onSendable(held.record)
    }
  }

  function place(held: Held, segment: Segment): void {
    const { position, atMs } = held.record
    const bytes = sizeOf([held])
    held.place = { segment, start: segment.bytes, bytes }
    segment.bytes += bytes
    segment.count += 1
    segment.pendingBytes += bytes
    segment.oldestAtMs = Math.min(segment.oldestAtMs, atMs)
    // Sent from memory, and stored, while it was being written.
    if (held.settled) markDone(segment, { ...held.place, position, atMs })
  }

  async function segmentFor({ lane, segments }: LaneLog, position: number, bytes: number): Promise<Segment> {
    const last = segments.at(-1)
    if (last?.file) {
      const fits = last.bytes === 0 || last.bytes + bytes <= segmentBytes
      const follows = last.base + last.count === position
      if (fits && follows) return last
      // A write failed, and what it left may still be there.
      if (!follows) await last.file.truncate(last.bytes).catch(() => undefined)
      await seal(last)
    }
    const segment = newSegment(lane, nextNumber, position)
    nextNumber += 1
    segment.file = await files.create(nameOf(segment, "log"))
    segments.push(segment)
    return segment
  }

  async function seal(segment: Segment): Promise<void> {
    await archive.close(segment)
    retireDone(segment)
  }

  function failed(error: unknown): void {
    mayWrite = false
    cancelRetry = clock.setTimeout(() => {
      mayWrite = true
      wake()
    }, retryMs)
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)
    withoutDisk(reasonOf(error))
  }

  function withoutDisk(why: string): void {
    const said = `the spool cannot be written, what waits is kept in memory only: ${why}`
    tell("write", said)
    if (state !== "writing") return
    state = "memory"
    for (const { waiting } of Object.values(lanes))
      for (const held of [...waiting]) events.onSendable(held.record)
  }

  function writable(): void {
    if (state !== "memory") return
    state = "writing"
    retryMs = FIRST_RETRY_MS
    log.info("the spool is written again")
    tell("write", null)
  }

  function onSyncProblem(why: string | null): void {
    if (why === null) log.info("what waits in the spool is on the disk again")
    tell("sync", why && `the spool cannot be synced, a power cut would take what was written last: ${why}`)
  }

  function problem(): string | null {
    return problems.write ?? problems.sync
  }

  function tell(of: "write" | "sync", what: string | null): void {
    if (problems[of] === what) return
    if (what !== null) log.warn(what)
    const before = problem()
    problems[of] = what
    if (problem() === before) return
    // Another reason is not another beginning.
    if (before === null) problemAtMs = clock.now()
    events.onProblem()
  }

  /** Without a disk only so much is kept: the oldest telemetry goes first, the newest message never. */
  function boundMemory(): void {
    let bytes = Object.values(lanes).reduce((sum, { waiting }) => sum + sizeOf(waiting), 0)
    for (const name of GIVEN_UP_IN_ORDER) {
      for (const held of [...lanes[name].waiting]) {
        if (bytes <= MEMORY_BYTES || held === newest) break
        bytes -= sizeOf([held])
        giveUp(held, "no_disk")
      }
    }
  }

  function enter(held: Held): void {
    const { record } = held
    record.position = nextPosition[record.lane]
    nextPosition[record.lane] += 1
    newest = held
    lanes[record.lane].add(held)
    if (state === "memory") events.onSendable(record)
    boundMemory()
    wake()
  }

  function giveUp(held: Held, reason: LossReason): void {
    lanes[held.record.lane].settle(held.record.position)
    ledger.add(held.record, reason)
    held.reject(new Error(`a ${held.record.kind} message was given up: ${reason}`))
  }

  /** Gives up what waits in a segment. Under its new name nothing of it is sent, and its loss is told whatever happens. */
  async function drop(segment: Segment): Promise<void> {
    lanes[segment.lane].forget(segment)
    const { loss, settle } = await archive.setAsDropped(segment)
    ledger.found(loss, settle)
  }

  function unreadable(segment: Segment, count: number): void {
    log.warn(`${count} messages in ${logNameOf(segment)} of the spool cannot be read any more`)
    const kind = segment.lane === "BOO_PERF" ? "perf" : null
    ledger.addUnknown({ count, kind, sinceMs: Math.min(segment.oldestAtMs, clock.now()) })
    retireDone(segment)
  }

  function retireDone(segment: Segment): void {
    if (waitingIn(segment) > 0) return
    // One that still grows is removed before it is large, so that little is ever left behind.
    if (segment.file !== null && segment.bytes < SMALLEST_SEGMENT_BYTES) return
    if (!lanes[segment.lane].segments.includes(segment)) return
    lanes[segment.lane].forget(segment)
    archive.retire(segment)
    wake()
  }

  function settled(segment: Segment): void {
    archive.settled()
    retireDone(segment)
  }

  return {
    async open(listener) {
      events = listener
      if (state !== "opening") return
      try {
        const found = await recover(files)
        ;({ nextNumber, nextPosition } = found)
        lanes = lanesOf(found.segments)
        for (const { loss, settle } of found.losses) ledger.found(loss, settle)
        for (const what of found.unreadable) log.warn(`a file of the spool cannot be read: ${what}`)
        if (found.tornBytes > 0)
          log.info(`cut ${found.tornBytes} bytes off the spool that were no whole message`)
      } catch (error) {
        log.warn(`what is left in the spool cannot be read: ${reasonOf(error)}`)
      }
      state = "writing"
      for (const held of early) enter(held)
      early = []
      wake()
    },
    append(message) {
      return new Promise((resolve, reject) => {
        const held = { record: { ...message, position: 0 }, place: null, settled: false, resolve, reject }
        if (state === "opening") early.push(held)
        else enter(held)
      })
    },
    read: (lane, after, limit) => lanes[lane].read(after, limit, state === "memory"),
    depth: (lane) => lanes[lane].depth() + early.filter(({ record }) => record.lane === lane).length,
    remove(lane, position) {
      const was = lanes[lane].settle(position)
      was?.held?.resolve()
      if (was?.segment) settled(was.segment)
    },
    discard(lane, position) {
      const was = lanes[lane].settle(position)
      if (!was) return
      if (was.segment) settled(was.segment)
      ledger.add(was.message, "too_large")
      was.held?.reject(new Error(`a ${was.message.kind} message was given up: too_large`))
    },
    takeLosses: () => ledger.take(),
    told: (loss) => void ledger.told(loss),
    status() {
      const said = problem()
      const all = Object.values(lanes)
      const oldest = Math.min(...all.map((lane) => lane.oldestAtMs()))
      return {
        depth: all.reduce((sum, lane) => sum + lane.depth(), early.length),
        bytes: all.reduce((sum, lane) => sum + lane.bytes(), 0),
        oldest_at: Number.isFinite(oldest) ? instantOf(oldest) : null,
        dropped: ledger.count(),
        ...(said === null ? {} : { problem: said, problem_at: instantOf(problemAtMs) }),
      }
    },
    async close() {
      wake()
      await idle()
      state = "closed"
      cancelRetry()
      await archive.flush()
      for (const segment of allSegments()) {
        await archive.close(segment)
        if (waitingIn(segment) > 0) continue
        lanes[segment.lane].forget(segment)
        archive.retire(segment)
      }
      await archive.removeRetired()
    },
  }
}

const SILENT: SpoolEvents = { onSendable: () => {}, onLoss: () => {}, onProblem: () => {} }

function sizeOf(held: readonly Held[]): number {
  return held.reduce((sum, { record }) => sum + HEADER_BYTES + record.payload.byteLength, 0)
}

/** The oldest that wait, as many as follow one another and are written at once. */
function nextBatch({ waiting }: LaneLog): Held[] {
  const batch: Held[] = []
  let bytes = 0
  for (const held of waiting) {
    bytes += sizeOf([held])
    const previous = batch.at(-1)
    if (previous && (bytes > BATCH_BYTES || held.record.position !== previous.record.position + 1)) break
    batch.push(held)
  }
  return batch
}
