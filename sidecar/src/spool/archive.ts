import type { Clock } from "../platform/clock.ts"
import { reasonOf } from "../platform/log.ts"
import type { Log } from "../platform/log.ts"
import type { SpoolFiles } from "./files.ts"
import { doneEntries, scan } from "./format.ts"
import { addLost, emptyLoss } from "./losses.ts"
import { removeDropped } from "./recover.ts"
import type { FoundLoss } from "./recover.ts"
import { logNameOf, nameOf, waitingIn } from "./segment.ts"
import type { Segment } from "./segment.ts"

/** What happens to the files of segments apart from being written and read. */
export interface Archive {
  /** Records were written to it: they are on the disk a second later. */
  wrote(segment: Segment): void
  /** A record is done: that is listed on the disk a second later. */
  settled(): void
  flush(): Promise<void>
  /** It grows no more. */
  close(segment: Segment): Promise<void>
  /** Nothing of it waits: its files go with the next `removeRetired`. */
  retire(segment: Segment): void
  removeRetired(): Promise<void>
  /** Its records are given up: under their new name they are never sent, and are told even after a crash. */
  setAsDropped(segment: Segment): Promise<FoundLoss>
}

export interface ArchiveOptions {
  files: SpoolFiles
  clock: Clock
  log: Log
  segments(): readonly Segment[]
}

/** What a power cut may take. More often only wears out the disk. */
export const SYNC_EVERY_MS = 1_000

export function createArchive({ files, clock, log, segments }: ArchiveOptions): Archive {
  const retired: Segment[] = []
  let cancelFlush: (() => void) | null = null
  let flushing: Promise<void> | null = null

  function flushLater(): void {
    cancelFlush ??= clock.setTimeout(() => {
      cancelFlush = null
      void flush()
    }, SYNC_EVERY_MS)
  }

  function flush(): Promise<void> {
    cancelFlush?.()
    cancelFlush = null
    const before = flushing
    const mine = (async () => {
      await before
      for (const segment of segments()) {
        await saveDone(segment)
        await sync(segment)
      }
    })()
    flushing = mine
    return mine
  }

  function sync(segment: Segment): Promise<void> {
    const due = segment.unsynced
    segment.unsynced = false
    // What the stream has need not survive here.
    if (!due || waitingIn(segment) === 0 || segment.file === null) return segment.syncing ?? Promise.resolve()
    const mine = segment.file
      .sync()
      .catch((error: unknown) => log.warn(`the spool could not be synced: ${reasonOf(error)}`))
    segment.syncing = mine
    return mine
  }

  async function saveDone(segment: Segment): Promise<void> {
    if (segment.unsavedDone.length === 0 || !segments().includes(segment)) return
    const entries = doneEntries(segment.unsavedDone)
    segment.unsavedDone = []
    // Where this fails, they are sent once more after the next start.
    await files.append(nameOf(segment, "done"), entries).catch(() => undefined)
  }

  async function close(segment: Segment): Promise<void> {
    await sync(segment)
    const { file } = segment
    segment.file = null
    await file?.close().catch(() => undefined)
  }

  async function remove(segment: Segment): Promise<void> {
    await flushing
    await close(segment)
    const removed =
      segment.scarred || segment.damaged
        ? files.rename(logNameOf(segment), nameOf(segment, "corrupt"))
        : files.remove(nameOf(segment, "log"))
    await removed.catch(() => undefined)
    await files.remove(nameOf(segment, "done")).catch(() => undefined)
  }

  return {
    wrote(segment) {
      segment.unsynced = true
      flushLater()
    },
    settled: flushLater,
    flush,
    close,
    retire: (segment) => void retired.push(segment),
    async removeRetired() {
      for (let segment = retired.shift(); segment; segment = retired.shift()) await remove(segment)
    },
    async setAsDropped(segment) {
      await flushing
      await close(segment)
      const done = doneEntries(segment.unsavedDone)
      await files.append(nameOf(segment, "done"), done).catch(() => undefined)
      const name = logNameOf(segment)
      const bytes = await files.read(name, { at: 0, bytes: segment.bytes }).catch(() => Buffer.alloc(0))
      await files
        .rename(name, nameOf(segment, "dropped"))
        .catch(() => files.remove(name).catch(() => undefined))
      const loss = emptyLoss("no_room")
      for (const frame of scan(bytes).frames) if (!segment.done.has(frame.start)) addLost(loss, frame)
      loss.count = Math.max(loss.count, waitingIn(segment))
      return { loss, settle: () => removeDropped(files, segment) }
    },
  }
}
