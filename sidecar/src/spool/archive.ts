import type { Clock } from "../platform/clock.ts"
import { reasonOf } from "../platform/log.ts"
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
  /** A record is done: that is listed on the disk ten seconds later. */
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
  segments(): readonly Segment[]
  /** Why what was written may not be on the disk; null when it is, or need not be any more. */
  onSyncProblem(why: string | null): void
}

/** What a power cut may take. More often only wears out the disk. */
const SYNC_EVERY_MS = 1_000
/** What is sent twice after a crash. The stream knows the ids of the last minutes, so these need not be fewer. */
const LIST_DONE_EVERY_MS = 10_000

export function createArchive({ files, clock, segments, onSyncProblem }: ArchiveOptions): Archive {
  const retired: Segment[] = []
  const cancel: Record<"sync" | "list", (() => void) | null> = { sync: null, list: null }
  let flushing: Promise<void> | null = null
  let isFailing = false
  let isEnding = false

  function later(what: "sync" | "list", ms: number): void {
    if (isEnding) return
    cancel[what] ??= clock.setTimeout(() => {
      cancel[what] = null
      void (what === "sync" ? each(sync).then(lookWhetherSynced) : each(saveDone))
    }, ms)
  }

  /** One round at a time, over all that there is. */
  function each(act: (segment: Segment) => Promise<void>): Promise<void> {
    const before = flushing
    const mine = (async () => {
      await before
      for (const segment of segments()) await act(segment)
    })()
    flushing = mine
    return mine
  }

  async function flush(): Promise<void> {
    isEnding = true
    for (const what of ["sync", "list"] as const) {
      cancel[what]?.()
      cancel[what] = null
    }
    await each(saveDone)
    await each(sync)
  }

  function sync(segment: Segment): Promise<void> {
    const due = segment.unsynced
    segment.unsynced = false
    // What the stream has need not survive here.
    if (!due || waitingIn(segment) === 0) return segment.syncing ?? Promise.resolve()
    segment.syncing = syncAfter(segment.syncing, segment)
    return segment.syncing
  }

  async function syncAfter(before: Promise<void> | null, segment: Segment): Promise<void> {
    await before
    try {
      await (segment.syncFailed ? writeAgain(segment) : segment.file?.sync())
      segment.syncFailed = false
    } catch (error) {
      segment.unsynced = true
      segment.syncFailed = true
      isFailing = true
      later("sync", SYNC_EVERY_MS)
      onSyncProblem(reasonOf(error))
    }
  }

  /**
   * Linux forgets that a page could not be written once it has said so, and calls the next sync a success: only what
   * is written once more is tried once more. A file that grows no more may be closed by then.
   */
  async function writeAgain(segment: Segment): Promise<void> {
    const name = logNameOf(segment)
    const records = await files.read(name, { at: 0, bytes: segment.bytes })
    const file = await files.open(name)
    try {
      await file.write([records], 0)
      await file.sync()
    } finally {
      await file.close().catch(() => undefined)
    }
  }

  function lookWhetherSynced(): void {
    if (!isFailing) return
    isFailing = segments().some((segment) => segment.syncFailed && waitingIn(segment) > 0)
    if (!isFailing) onSyncProblem(null)
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
      later("sync", SYNC_EVERY_MS)
    },
    settled() {
      later("list", LIST_DONE_EVERY_MS)
      // While the hub is there this is nearly always so, and spares a wake-up a message.
      if (cancel.sync && segments().every((segment) => waitingIn(segment) === 0)) {
        cancel.sync()
        cancel.sync = null
      }
      lookWhetherSynced()
    },
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
