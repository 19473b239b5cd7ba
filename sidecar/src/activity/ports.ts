import type { AttributionBasis, ObservedRequest, RequestEnrichment } from "@boocontrol/shared/activity"

/** Who asked: known from the request while it was in flight, never from its row. */
export type Caller = Pick<
  ObservedRequest,
  "source" | "request_id" | "client_ip" | "user_agent" | "session_id"
>

export const UNKNOWN_CALLER: Caller = {
  source: null,
  request_id: null,
  client_ip: null,
  user_agent: null,
  session_id: null,
}

/** Nothing at all is known of who asked. */
export function isUnknown(caller: Caller): boolean {
  return Object.keys(UNKNOWN_CALLER).every((key) => caller[key as keyof Caller] === null)
}

/** Who asked, and how that was found. */
export type FoundCaller = Caller & { readonly attribution: AttributionBasis | null }

/** A caller of whom nothing is known was not found either. */
export function foundBy(caller: Caller, attribution: AttributionBasis): FoundCaller {
  return { ...caller, attribution: isUnknown(caller) ? null : attribution }
}

export function identityOf(
  row: ObservedRequest,
): Pick<RequestEnrichment, "swap_epoch" | "swap_entry_id" | "ts"> {
  return { swap_epoch: row.swap_epoch, swap_entry_id: row.swap_entry_id, ts: row.ts }
}

/** A request row as the engine's store holds it, in our terms: without an epoch and without its caller. */
export type StoredRow = Omit<ObservedRequest, "swap_epoch" | keyof FoundCaller>

/** Rows of the store, oldest first. `more`: the store holds newer ones than these. */
export interface RowPage {
  readonly rows: readonly StoredRow[]
  readonly more: boolean
  /** The id that a store gives its very first row. */
  readonly firstId: number
  /** The engine may write to a store for so long after it has replaced it. Left out: it does not. */
  readonly lateMs?: number
}

export interface RowSource {
  /**
   * Rows whose id is `from` or higher, the row `from` itself included if the store still holds it: the follower
   * looks at it to see whether this is still the same store. `expected`: the highest id that is known to exist.
   */
  read(from: number, expected: number | null): Promise<RowPage>
}

/** Finds out who asked. Rows it cannot tell yet come back from `late` once it can. */
export interface Attribution {
  withCallers(rows: readonly ObservedRequest[], nowMs: number): ObservedRequest[]
  late(nowMs: number): RequestEnrichment[]
}
