import type { BootId } from "@boocontrol/shared/ids"
import type { StreamName } from "@boocontrol/shared/subjects"
import { MAX_MESSAGE_BYTES } from "@boocontrol/shared/envelope"
import { gapsAt } from "./core.ts"
import type { Found } from "./core.ts"
import type { SpoolFiles } from "./files.ts"
import { HEADER_BYTES, readDone, scan } from "./format.ts"
import type { Frame } from "./format.ts"
import { LANES } from "./lanes.ts"
import { addLost, addSeq, emptyLoss } from "./losses.ts"
import type { SpoolLoss } from "./ports.ts"
import { nameOf, newSegment, parseName, waitingIn } from "./segment.ts"
import type { ParsedName, Segment } from "./segment.ts"

export interface FoundLoss {
  loss: SpoolLoss
  /** Makes sure that it is not told again; called when it was told. */
  settle(): Promise<void>
}

export interface Recovered {
  segments: Record<StreamName, Segment[]>
  losses: FoundLoss[]
  /** No file has this number, nor a higher one. */
  nextNumber: number
  /** No record of the lane has this position, nor a higher one. */
  nextPosition: Record<StreamName, number>
  /** Bytes at the end of files that were no whole record and are cut off. */
  tornBytes: number
  /** Files that could not be read at all, and why: left where they are. */
  unreadable: string[]
}

const KEPT_CORRUPT = 3

interface NamedFile extends ParsedName {
  name: string
  bytes: number
}

interface Look {
  file: NamedFile
  segment: Segment
  /** Bytes of it are no record, and that was not told. */
  faulty: boolean
  /** Where its last record ends. */
  end: number
}

/** Reads what earlier lives left, one file at a time and each into the same memory. */
export async function recover(files: SpoolFiles): Promise<Recovered> {
  const named = (await files.list()).flatMap(({ name, bytes }) => {
    const parsed = parseName(name)
    return parsed ? [{ ...parsed, name, bytes }] : []
  })
  const inOrder = named.toSorted((a, b) => a.number - b.number)
  const result: Recovered = {
    segments: { BOO_EVENTS: [], BOO_PERF: [] },
    ...{ losses: [], nextPosition: { BOO_EVENTS: 1, BOO_PERF: 1 }, tornBytes: 0, unreadable: [] },
    nextNumber: (inOrder.at(-1)?.number ?? 0) + 1,
  }
  const reader = createReader(files, inOrder)
  const looks: Look[] = []
  for (const file of inOrder) {
    try {
      if (file.ending === "dropped") result.losses.push(await droppedLoss(files, file, reader))
      if (file.ending !== "log" && file.ending !== "scarred") continue
      const look = await lookAt(file, result.nextPosition[file.lane], reader)
      looks.push(look)
      result.nextPosition[file.lane] += look.segment.count
    } catch (error) {
      result.unreadable.push(`${file.name}: ${String(error)}`)
    }
  }
  const corrupt = await corruptLoss(files, looks, reader)
  if (corrupt) result.losses.push(corrupt)
  for (const look of looks) {
    const { segment, file, end } = look
    const untold = look.faulty && corrupt !== null
    if (end < file.bytes && !untold && !segment.scarred) {
      result.tornBytes += file.bytes - end
      await files.truncate(file.name, end).catch(() => undefined)
      segment.bytes = end
    }
    if (waitingIn(segment) > 0) result.segments[segment.lane].push(segment)
    else if (!untold) await discardEmpty(files, segment)
  }
  await tidy(files, inOrder)
  return result
}

interface Reader {
  /** What is found is good until the next call. */
  scan(file: NamedFile): Promise<ReturnType<typeof scan>>
  doneOf(file: NamedFile): Promise<Set<number>>
}

function createReader(files: SpoolFiles, named: readonly NamedFile[]): Reader {
  const sizes = new Map(named.map(({ name, bytes }) => [name, bytes]))
  const largest = Math.max(0, ...named.filter(({ ending }) => ending !== "corrupt").map(({ bytes }) => bytes))
  const into = Buffer.allocUnsafeSlow(largest)
  return {
    scan: async ({ name, bytes }) => scan(await files.read(name, { at: 0, bytes, into })),
    async doneOf(file) {
      const name = nameOf(file, "done")
      const bytes = sizes.get(name)
      if (bytes === undefined) return new Set()
      return files.read(name, { at: 0, bytes }).then(readDone, () => new Set<number>())
    },
  }
}

async function lookAt(file: NamedFile, base: number, reader: Reader): Promise<Look> {
  const segment = newSegment(file.lane, file.number, base)
  segment.scarred = file.ending === "scarred"
  segment.bytes = file.bytes
  const done = await reader.doneOf(file)
  const { frames, faults } = await reader.scan(file)
  for (const frame of frames) {
    segment.count += 1
    if (done.has(frame.start)) segment.done.add(frame.start)
    else {
      segment.pendingBytes += frame.end - frame.start
      segment.oldestAtMs = Math.min(segment.oldestAtMs, frame.atMs)
    }
  }
  return { file, segment, faulty: faults.length > 0 && !segment.scarred, end: frames.at(-1)?.end ?? 0 }
}

function inFileOrder(frames: readonly Frame[], faults: readonly { start: number }[]): Found[] {
  const found = [
    ...frames.map(({ start, boot, seq, atMs }) => ({ start, what: { boot, seq, atMs } })),
    ...faults.map(({ start }) => ({ start, what: "fault" as const })),
  ]
  return found.toSorted((a, b) => a.start - b.start).map(({ what }) => what)
}

async function droppedLoss(files: SpoolFiles, file: NamedFile, reader: Reader): Promise<FoundLoss> {
  const loss = emptyLoss("no_room")
  const done = await reader.doneOf(file)
  for (const frame of (await reader.scan(file)).frames) if (!done.has(frame.start)) addLost(loss, frame)
  return { loss, settle: () => removeDropped(files, file) }
}

/** The records first: without the list of those that are done, more would be told than was lost. */
export async function removeDropped(
  files: SpoolFiles,
  segment: Pick<Segment, "lane" | "number">,
): Promise<void> {
  await files.remove(nameOf(segment, "dropped")).catch(() => undefined)
  await files.remove(nameOf(segment, "done")).catch(() => undefined)
}

async function corruptLoss(
  files: SpoolFiles,
  looks: readonly Look[],
  reader: Reader,
): Promise<FoundLoss | null> {
  const faulty = looks.filter((look) => look.faulty)
  if (faulty.length === 0) return null
  const known = new Map<BootId, Set<number>>()
  const found: Record<StreamName, Found[]> = { BOO_EVENTS: [], BOO_PERF: [] }
  for (const look of looks) {
    const { frames, faults } = await reader.scan(look.file)
    for (const { boot, seq } of frames) known.set(boot, (known.get(boot) ?? new Set()).add(seq))
    found[look.segment.lane].push(...inFileOrder(frames, look.faulty ? faults : []))
  }
  const loss = emptyLoss("corrupt")
  for (const lane of LANES) {
    for (const { boot, seqs, fromMs, toMs } of gapsAt(found[lane], known)) {
      const count = Math.max(1, seqs.length)
      loss.count += count
      loss.fromMs = Math.min(loss.fromMs, fromMs)
      loss.toMs = Math.max(loss.toMs, toMs)
      if (lane === "BOO_PERF") loss.byKind.perf = (loss.byKind.perf ?? 0) + count
      for (const seq of seqs) addSeq(loss, boot, seq)
    }
  }
  // More than one record can be: that is no torn end, whatever stood there.
  const wiped = faulty.filter(({ segment, file }) => segment.count === 0 && file.bytes > LARGEST_RECORD)
  if (loss.count === 0) loss.count = wiped.length
  if (loss.count === 0) return null
  return { loss, settle: () => scarAll(files, faulty) }
}

const LARGEST_RECORD = HEADER_BYTES + MAX_MESSAGE_BYTES

async function scarAll(files: SpoolFiles, looks: readonly Look[]): Promise<void> {
  for (const { segment } of looks) {
    const ending = waitingIn(segment) > 0 ? "scarred" : "corrupt"
    const renamed = await files.rename(nameOf(segment, "log"), nameOf(segment, ending)).then(
      () => true,
      () => false,
    )
    if (renamed) segment.scarred = true
  }
}

async function discardEmpty(files: SpoolFiles, segment: Segment): Promise<void> {
  const kept = segment.scarred
    ? files.rename(nameOf(segment, "scarred"), nameOf(segment, "corrupt"))
    : files.remove(nameOf(segment, "log"))
  await kept.catch(() => undefined)
  await files.remove(nameOf(segment, "done")).catch(() => undefined)
}

/** Lists of files that are gone, and all but the newest of those that are only kept to be looked at. */
async function tidy(files: SpoolFiles, named: readonly NamedFile[]): Promise<void> {
  const numbers = new Set(named.filter(({ ending }) => ending !== "done").map(({ number }) => number))
  const orphans = named.filter(({ ending, number }) => ending === "done" && !numbers.has(number))
  const corrupt = named.filter(({ ending }) => ending === "corrupt")
  const old = corrupt.slice(0, Math.max(0, corrupt.length - KEPT_CORRUPT))
  for (const { name } of [...orphans, ...old]) await files.remove(name).catch(() => undefined)
}
