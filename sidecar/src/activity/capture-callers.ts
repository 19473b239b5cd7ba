import type { ObservedRequest, RequestEnrichment } from "@boocontrol/shared/activity"
import type { Clock } from "../platform/clock.ts"
import { foundBy, identityOf, isUnknown } from "./ports.ts"
import type { Caller } from "./ports.ts"

export interface CaptureCallersOptions {
  /** Who made a request, by what the engine kept of it; null where it has nothing of it any more. */
  callerOf(entryId: number): Promise<Caller | null>
  tell(enrichment: RequestEnrichment): void
  clock: Clock
}

/**
 * Asks the engine's captures who made those requests that nothing seen in flight tells apart: first those of whom nobody
 * is known, then those that several in flight fitted.
 */
export interface CaptureCallers {
  /** Rows as they are sent; those whose caller is sure are passed over. */
  ask(rows: readonly ObservedRequest[]): void
  /** These became known another way: surely, or not. */
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

/** Nobody is known, or whoever is may be another. */
function isDoubtful(row: ObservedRequest): boolean {
  return isUnknown(row) || row.attribution === "closest" || row.attribution === "alike"
}

/** The newest; what nobody is known of is not pushed out by what is only doubtful. */
function inBounds(rows: readonly ObservedRequest[]): ObservedRequest[] {
  const [unknown, doubtful] = [rows.filter(isUnknown), rows.filter((row) => !isUnknown(row))]
  const kept = new Set([...doubtful, ...unknown].slice(-MAX_WAITING))
  return rows.filter((row) => kept.has(row))
}

/**
 * A capture does not hold the address of a client, which the list in flight told. It is taken from there where it is the
 * same for all requests that fitted, or where an id says that it was this one.
 */
function withAddress(caller: Caller, known: ObservedRequest): Caller {
  const isSame = (key: keyof Caller): boolean => known[key] !== null && caller[key] === known[key]
  const fits = known.attribution === "alike" ? caller.source === known.source : isSame("request_id")
  return fits ? { ...caller, client_ip: known.client_ip } : caller
}

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

  function takeNext(): ObservedRequest | undefined {
    const row = waiting.find(isUnknown) ?? waiting[0]
    waiting = waiting.filter((other) => other !== row)
    return row
  }

  async function askNext(): Promise<void> {
    const row = takeNext()
    if (row) {
      const of = store
      // A capture that is gone or cannot be read leaves the row as it is.
      const caller = await callerOf(row.swap_entry_id).catch(() => null)
      if (of === store && caller !== null && !isUnknown(caller))
        tell({ ...identityOf(row), ...foundBy(withAddress(caller, row), "exact") })
    }
    cancel = null
    if (waiting.length > 0) askLater(EVERY_MS)
  }

  return {
    ask(rows) {
      const wanted = rows.filter((row) => row.has_capture && isDoubtful(row))
      if (wanted.length === 0) return
      waiting = inBounds([...waiting, ...wanted])
      askLater(WAIT_MS)
    },
    known(enrichments) {
      if (enrichments.length === 0 || waiting.length === 0) return
      waiting = waiting
        .map((row) => {
          const known = enrichments.find(
            ({ swap_entry_id, swap_epoch }) =>
              swap_entry_id === row.swap_entry_id && swap_epoch === row.swap_epoch,
          )
          return known ? { ...row, ...known } : row
        })
        .filter(isDoubtful)
    },
    forget,
    stop() {
      forget()
      cancel?.()
      cancel = null
    },
  }
}
