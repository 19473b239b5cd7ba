import { surenessOf } from "@boocontrol/shared/activity"
import type { ActivityRow, ObservedRequest, RequestEnrichment } from "@boocontrol/shared/activity"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { HostId, SwapEpoch } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import { identityKey, requestIdOfKey } from "./request-id.ts"
import type { RequestIdentity } from "./request-id.ts"

/** Who made a request. Belongs together: what one finding says is never mixed with what a less sure one says. */
export const CALLER_COLUMNS = ["source", "request_id", "client_ip", "user_agent", "session_id"] as const
export type FoundCaller = Pick<ActivityRow, (typeof CALLER_COLUMNS)[number] | "attribution">

/** As hosts tell it: those of before `attribution` was kept leave it out. */
type Finding = Omit<FoundCaller, "attribution"> & Pick<RequestEnrichment, "attribution">

/** An enrichment of a row that came earlier; `envelopes` are the indexes of the messages that brought it. */
export type LooseEnrichment = RequestIdentity & FoundCaller & { envelopes: number[] }

export interface ActivityBatch {
  rows: ActivityRow[]
  /** For rows that are not in this batch. */
  enrichments: LooseEnrichment[]
  /** When the newest message of each host was sent. */
  eventAt: ReadonlyMap<HostId, Instant>
}

/**
 * Makes one batch of several messages: each row once, with all that these messages know of it, in the order of its
 * first appearance.
 */
export function foldBatch(envelopes: readonly Envelope<"activity">[]): ActivityBatch {
  const rows = new Map<string, ActivityRow>()
  const sameRows = new Map<string, ActivityRow>()
  const enrichments = new Map<string, LooseEnrichment>()
  const eventAt = new Map<HostId, Instant>()
  const mixed = hostsOfSeveralEpochs(envelopes)

  for (const { host, at, data } of envelopes) {
    const known = eventAt.get(host)
    if (known === undefined || known < at) eventAt.set(host, at)
    for (const observed of data.rows) {
      const key = identityKey(host, observed)
      const same = mixed.has(host) ? contentKey(host, observed) : null
      const first = rows.get(key) ?? (same === null ? undefined : sameRows.get(same))
      const row = first ?? rowOf(host, observed, key)
      rows.set(key, row)
      if (first) learn(first, observed)
      else if (same !== null) sameRows.set(same, row)
    }
  }
  for (const [index, { host, data }] of envelopes.entries()) {
    for (const enrichment of data.enrichments ?? []) {
      const key = identityKey(host, enrichment)
      const row = rows.get(key)
      const loose = row ? undefined : enrichments.get(key)
      if (row) learn(row, enrichment)
      else if (!loose) enrichments.set(key, looseOf(host, enrichment, index))
      else {
        learn(loose, enrichment)
        loose.envelopes.push(index)
      }
    }
  }
  return { rows: [...new Set(rows.values())], enrichments: [...enrichments.values()], eventAt }
}

/** Hosts with rows of more than one epoch: only there can two rows be the same request. */
function hostsOfSeveralEpochs(envelopes: readonly Envelope<"activity">[]): ReadonlySet<HostId> {
  const first = new Map<HostId, SwapEpoch>()
  const several = new Set<HostId>()
  for (const { host, data } of envelopes) {
    for (const { swap_epoch } of data.rows) {
      const known = first.get(host)
      if (known === undefined) first.set(host, swap_epoch)
      else if (known !== swap_epoch) several.add(host)
    }
  }
  return several
}

/** Where the rows of one host lie that a batch brings. */
export interface HostSpan {
  provider_id: HostId
  swap_epoch: SwapEpoch
  /** Not all of them are of that epoch. */
  mixed: boolean
  first: Instant
  last: Instant
}

export function spansOfHosts(rows: readonly ActivityRow[]): HostSpan[] {
  const spans = new Map<HostId, HostSpan>()
  for (const { provider_id, swap_epoch, ts } of rows) {
    const span = spans.get(provider_id)
    if (span === undefined) {
      spans.set(provider_id, { provider_id, swap_epoch, mixed: false, first: ts, last: ts })
      continue
    }
    if (span.swap_epoch !== swap_epoch) span.mixed = true
    if (ts < span.first) span.first = ts
    if (ts > span.last) span.last = ts
  }
  return [...spans.values()]
}

/** Equal for rows that are the same request fetched again under another epoch. */
function contentKey(host: HostId, row: ObservedRequest): string {
  return JSON.stringify([host, row.swap_entry_id, row.ts, row.model, row.duration_ms, row.output_tokens])
}

function rowOf(host: HostId, observed: ObservedRequest, key: string): ActivityRow {
  const { attribution = null } = observed
  return { id: requestIdOfKey(key, observed), provider_id: host, ...observed, attribution }
}

function looseOf(host: HostId, enrichment: RequestEnrichment, envelope: number): LooseEnrichment {
  const { attribution = null } = enrichment
  return { provider_id: host, ...enrichment, attribution, envelopes: [envelope] }
}

/**
 * What is known of a caller, with one more finding: the surest counts, whichever came first. Of two that are as sure, the
 * second fills what the first left unknown.
 */
export function learn(known: FoundCaller, more: Finding): void {
  const surer = surenessOf(more.attribution) - surenessOf(known.attribution)
  if (surer < 0) return
  const { source, request_id, client_ip, user_agent, session_id, attribution = null } = more
  const found = { source, request_id, client_ip, user_agent, session_id, attribution }
  Object.assign(known, surer > 0 ? found : { ...found, ...knownOf(known) })
}

function knownOf(caller: FoundCaller): Partial<FoundCaller> {
  const columns = [...CALLER_COLUMNS, "attribution"] as const
  return Object.fromEntries(
    columns.flatMap((column) => (caller[column] === null ? [] : [[column, caller[column]]])),
  )
}

/** Something is known of whoever made it. */
export function isEnriched(row: FoundCaller): boolean {
  return CALLER_COLUMNS.some((column) => row[column] !== null)
}

/** Newest last. */
export function byTime(a: ActivityRow, b: ActivityRow): number {
  return a.ts === b.ts ? (a.id < b.id ? -1 : 1) : a.ts < b.ts ? -1 : 1
}

/** Parts of a list whose JSON stays below `maxBytes` each, as messages are bounded. */
export function splitBySize<T>(
  items: readonly T[],
  maxBytes: number,
  sizeOf: (item: T) => number = (item) => Buffer.byteLength(JSON.stringify(item)),
): T[][] {
  const parts: T[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const item of items) {
    const size = sizeOf(item) + 1
    if (bytes + size > maxBytes) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)?.push(item)
    bytes += size
  }
  return parts
}
