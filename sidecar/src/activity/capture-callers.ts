import type { ObservedRequest, RequestEnrichment } from "@boocontrol/shared/activity"
import type { Clock } from "../platform/clock.ts"
import { identityOf, isUnknown } from "./ports.ts"
import type { Caller } from "./ports.ts"

export interface CaptureCallersOptions {
  /** Who made a request, by what the engine kept of it; null where it has nothing of it any more. */
  callerOf(entryId: number): Promise<Caller | null>
  tell(enrichment: RequestEnrichment): void
  clock: Clock
}

/** Asks the engine's captures who made those requests that nothing seen in flight tells apart. */
export interface CaptureCallers {
  /** Rows whose caller is not known (yet). */
  ask(rows: readonly ObservedRequest[]): void
  /** These became known another way. */
  known(enrichments: readonly RequestEnrichment[]): void
  /**
   * The engine's store may have been replaced: from now on the same ids may be other requests, and a wrong caller is
   * worse than none.
   */
  forget(): void
  stop(): void
}

/** A caller that is still to be seen in flight is seen by then. */
const WAIT_MS = 2_000
/** Captures are read one by one and not faster: they hold whole bodies, and the engine has other work. */
const EVERY_MS = 500
/** The engine keeps a few megabytes of captures: of more rows than these it has none any more. */
const MAX_WAITING = 300

export function createCaptureCallers({ callerOf, tell, clock }: CaptureCallersOptions): CaptureCallers {
  let waiting: ObservedRequest[] = []
  let cancel: (() => void) | null = null
  /** Raised at each `forget`: an answer that was asked for before it is not believed. */
  let store = 0

  function askLater(delayMs: number): void {
    cancel ??= clock.setTimeout(() => void askNext(), delayMs)
  }

  function forget(): void {
    store += 1
    waiting = []
  }

  async function askNext(): Promise<void> {
    const row = waiting.shift()
    if (row) {
      const of = store
      // A capture that is gone or cannot be read leaves the row as it is.
      const caller = await callerOf(row.swap_entry_id).catch(() => null)
      if (of === store && caller !== null && !isUnknown(caller)) tell({ ...identityOf(row), ...caller })
    }
    cancel = null
    if (waiting.length > 0) askLater(EVERY_MS)
  }

  return {
    ask(rows) {
      const wanted = rows.filter((row) => row.has_capture && isUnknown(row))
      if (wanted.length === 0) return
      waiting = [...waiting, ...wanted].slice(-MAX_WAITING)
      askLater(WAIT_MS)
    },
    known(enrichments) {
      if (enrichments.length === 0 || waiting.length === 0) return
      waiting = waiting.filter(
        (row) =>
          !enrichments.some(
            (known) => known.swap_entry_id === row.swap_entry_id && known.swap_epoch === row.swap_epoch,
          ),
      )
    },
    forget,
    stop() {
      forget()
      cancel?.()
      cancel = null
    },
  }
}
