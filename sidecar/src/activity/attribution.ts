import type { AttributionBasis, ObservedRequest } from "@boocontrol/shared/activity"
import { epochMsOf } from "@boocontrol/shared/time"
import { foundBy, identityOf, isUnknown } from "./ports.ts"
import type { Attribution, Caller } from "./ports.ts"

/** A request that was seen in flight. `endedAtMs` by our clock; null while it runs. */
export interface SeenRequest {
  readonly key: string
  readonly model: string
  readonly path: string | null
  /** By the engine's clock. */
  readonly startedAtMs: number
  /** By our clock: its length is what counts. */
  readonly seenAtMs: number
  readonly endedAtMs: number | null
  /** The list was lost while it ran: it ended at `endedAtMs` or any time later. */
  readonly isCut: boolean
  readonly caller: Caller
}

/** One line of the list in flight. */
export type RunningRequest = Omit<SeenRequest, "seenAtMs" | "endedAtMs" | "isCut">

/** The request that a row is taken for, and how sure that is. */
export type PairedRequest = SeenRequest & { readonly attribution: AttributionBasis }

/** A row's time is cut to whole seconds and taken a moment after the request's end: start + duration lies near it. */
const BEFORE_ROW_MS = 500
const AFTER_ROW_MS = 2_000
/** How far the length that was seen may be from the row's, where both machines are busy. */
const FITS_MS = 500
/** Two requests alike in everything else are told apart by how long they took, if clearly so. */
const CLOSE_MS = 60
const FAR_MS = 250
/** The row comes within milliseconds of the end; a lost doorbell delays it by one safety interval. */
const KEEP_ENDED_MS = 90_000
const KEEP_UNMATCHED_MS = 5_000
const MAX_SEEN = 2_000
const MAX_UNMATCHED = 500

/**
 * Pairs rows with the requests that were seen in flight, by model, path, end and length. A pair is made only when it
 * is the only one possible: a wrong caller is worse than none. The length of a request that still runs is the one it has
 * by `nowMs`: a row is read as its request ends.
 */
export function matchCallers(
  rows: readonly ObservedRequest[],
  seen: readonly SeenRequest[],
  nowMs: number,
): Map<number, PairedRequest> {
  const candidates = rows.map((row) => seen.filter((request) => couldBe(row, request, nowMs)))
  const claims = new Map<string, number>()
  for (const list of candidates) for (const { key } of list) claims.set(key, (claims.get(key) ?? 0) + 1)
  const pairs = new Map<number, PairedRequest>()
  candidates.forEach((list, index) => {
    const row = rows[index]
    if (!row) return
    const only = list.length === 1 && claims.get(list[0]?.key ?? "") === 1
    const found = only ? list[0] : closest(row, list)
    if (found) pairs.set(index, { ...found, attribution: only ? "only" : "closest" })
  })
  return withAlike(withoutDoubles(pairs), rows, candidates)
}

/**
 * A batch job asks the same thing many times a second. Where every request that could be a row's came from the same
 * source, it need not be known which of them it was; what they differ in stays unknown.
 */
function withAlike(
  pairs: Map<number, PairedRequest>,
  rows: readonly ObservedRequest[],
  candidates: readonly SeenRequest[][],
): Map<number, PairedRequest> {
  const used = new Set([...pairs.values()].map(({ key }) => key))
  const open = rows.flatMap((_, index) => (pairs.has(index) ? [] : [index]))
  const all = new Map(pairs)
  for (const index of open) {
    const left = (candidates[index] ?? []).filter(({ key }) => !used.has(key))
    const [first] = left
    if (!first) continue
    // More rows than requests: one of them was never seen, and anybody's.
    const rivals = open.filter((other) => !all.has(other) && shares(candidates[other], left))
    if (rivals.length > left.length) continue
    if (left.some(({ caller }) => caller.source !== first.caller.source)) continue
    used.add(first.key)
    const caller = commonCaller(left.map((request) => request.caller))
    all.set(index, { ...first, caller, attribution: "alike" })
  }
  return all
}

function shares(candidates: readonly SeenRequest[] | undefined, left: readonly SeenRequest[]): boolean {
  return candidates?.some(({ key }) => left.some((request) => request.key === key)) ?? false
}

function commonCaller(callers: readonly Caller[]): Caller {
  const common = <K extends keyof Caller>(key: K): Caller[K] => {
    const value = callers[0]?.[key] ?? null
    return callers.every((caller) => caller[key] === value) ? value : null
  }
  return {
    source: common("source"),
    request_id: common("request_id"),
    client_ip: common("client_ip"),
    user_agent: common("user_agent"),
    session_id: common("session_id"),
  }
}

function couldBe(row: ObservedRequest, request: SeenRequest, nowMs: number): boolean {
  if (row.model !== request.model || row.req_path !== request.path || row.duration_ms === null) return false
  const offset = request.startedAtMs + row.duration_ms - epochMsOf(row.ts)
  if (offset < -BEFORE_ROW_MS || offset > AFTER_ROW_MS) return false
  const endMs = request.endedAtMs ?? nowMs
  const lengthMs = endMs - request.seenAtMs
  if (request.isCut) return lengthMs <= row.duration_ms + FITS_MS
  // One that was seen late is as long as the engine's clock says, where that is ours too.
  return [lengthMs, endMs - request.startedAtMs].some(
    (ms) => row.duration_ms !== null && Math.abs(ms - row.duration_ms) <= FITS_MS,
  )
}

function closest(row: ObservedRequest, list: readonly SeenRequest[]): SeenRequest | null {
  const ranked = list
    .flatMap((request) =>
      request.endedAtMs === null || row.duration_ms === null
        ? []
        : [{ request, off: Math.abs(request.endedAtMs - request.seenAtMs - row.duration_ms) }],
    )
    .sort((a, b) => a.off - b.off)
  const [best, second] = ranked
  if (!best || ranked.length !== list.length || best.off > CLOSE_MS) return null
  return second && second.off < FAR_MS ? null : best.request
}

function withoutDoubles(pairs: Map<number, PairedRequest>): Map<number, PairedRequest> {
  const uses = new Map<string, number>()
  for (const { key } of pairs.values()) uses.set(key, (uses.get(key) ?? 0) + 1)
  return new Map([...pairs].filter(([, { key }]) => uses.get(key) === 1))
}

export interface CallerBook extends Attribution {
  /** The list in flight now; what is missing from it since last time has ended. Null: it is not known any more. */
  inflight(running: readonly RunningRequest[] | null, nowMs: number): void
}

/** Remembers who was in flight, so that rows can be told their caller at once or a little later. */
export function createCallerBook(): CallerBook {
  const seen = new Map<string, SeenRequest>()
  /** Requests whose row came before their end was seen: they must not be taken for another row's. */
  const spent = new Set<string>()
  let unmatched: { row: ObservedRequest; atMs: number }[] = []

  function forget(nowMs: number): void {
    for (const [key, request] of seen)
      if (request.endedAtMs !== null && request.endedAtMs < nowMs - KEEP_ENDED_MS) seen.delete(key)
    for (const key of seen.keys()) {
      if (seen.size <= MAX_SEEN) break
      seen.delete(key)
    }
    unmatched = unmatched.filter(({ atMs }) => atMs >= nowMs - KEEP_UNMATCHED_MS).slice(-MAX_UNMATCHED)
  }

  function match(rows: readonly ObservedRequest[], nowMs: number): Map<number, PairedRequest> {
    const pairs = matchCallers(rows, [...seen.values()], nowMs)
    for (const { key } of pairs.values()) {
      seen.delete(key)
      spent.add(key)
    }
    return pairs
  }

  return {
    inflight(list, nowMs) {
      const [running, isCut] = [list ?? [], list === null]
      const keys = new Set(running.map(({ key }) => key))
      for (const [key, request] of seen)
        if (request.endedAtMs === null && !keys.has(key))
          seen.set(key, { ...request, endedAtMs: nowMs, isCut })
      for (const key of spent) if (!keys.has(key)) spent.delete(key)
      for (const request of running)
        if (!seen.has(request.key) && !spent.has(request.key))
          seen.set(request.key, { ...request, seenAtMs: nowMs, endedAtMs: null, isCut: false })
      forget(nowMs)
    },
    withCallers(rows, nowMs) {
      forget(nowMs)
      const pairs = match(rows, nowMs)
      return rows.map((row, index) => {
        const pair = pairs.get(index)
        if (!pair) unmatched.push({ row, atMs: nowMs })
        return pair ? { ...row, ...foundBy(pair.caller, pair.attribution) } : row
      })
    },
    late(nowMs) {
      forget(nowMs)
      if (unmatched.length === 0 || seen.size === 0) return []
      const pairs = match(
        unmatched.map(({ row }) => row),
        nowMs,
      )
      const found = [...pairs].flatMap(([index, { caller, attribution }]) => {
        const row = unmatched[index]?.row
        return row && !isUnknown(caller) ? [{ ...identityOf(row), ...foundBy(caller, attribution) }] : []
      })
      unmatched = unmatched.filter((_, index) => !pairs.has(index))
      return found
    },
  }
}
