import { rowPathOf } from "@boocontrol/shared/activity"
import type { ActivityRow } from "@boocontrol/shared/activity"
import type { HostId, RequestId } from "@boocontrol/shared/ids"
import { epochMsOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { isEnriched } from "../core.ts"
import type { FoundCaller } from "../core.ts"
import type { SentRequest } from "../ports.ts"

/** What of a row says which request it was, and what is known of its caller. */
export type PairableRow = Pick<
  ActivityRow,
  "id" | "ts" | "model" | "req_path" | "status_code" | "duration_ms"
> &
  FoundCaller

/** A part of a host's history that has to be looked at. */
export interface Mark {
  readonly span: Instant
  readonly provider_id: HostId
  /** Of rows, whose times are by the clock of the host; else of requests that were sent. */
  readonly of_rows: boolean
}
const SPAN_MS = 20_000

/** The rows that what was marked may name, or may be named by. */
export function timesOf({ span, of_rows }: Mark, aheadMs: number): Times {
  const fromMs = epochMsOf(span)
  return of_rows
    ? { fromMs: fromMs - aheadMs, toMs: fromMs + SPAN_MS - aheadMs }
    : { fromMs: fromMs - REACH_MS, toMs: fromMs + SPAN_MS + REACH_MS }
}

/** By the clock of a hub. */
export interface Times {
  readonly fromMs: number
  readonly toMs: number
}

export interface PairingMoment {
  /** Rows of these times are named. All rows and requests that lie less than `AROUND_MS` away have to be given. */
  readonly of: Times
  /** How far the clock of the host is ahead of that of a hub. */
  readonly aheadMs: number
}

/** A row's time is cut to whole seconds, and two clocks agree to a second or so. */
const BEGINS_MS = { before: 2_500, after: 1_500 }
/** How far the length that a gateway measured may be from the row's, where both machines and the network are busy. */
const LENGTH_MS = 500
/** An engine notices that a gateway has hung up when it has something to write, and its row is as much longer. */
const NOTICED_MS = 10_000
/** Nothing that is further away can be the same request. */
const REACH_MS = NOTICED_MS + BEGINS_MS.before + LENGTH_MS
/** As far as what decides about a row can lie from it: the requests that fit it, and the other rows that these fit. */
export const AROUND_MS = 2 * REACH_MS

/**
 * Names the callers of rows of one host by what gateways sent there. Rows and requests that fit each other are put in
 * groups. Who made a row is known
 *
 * 1. where a group is one row and one request: `gateway`;
 * 2. where it has no more rows than requests, and these are all of one source, that source: `alike`.
 *
 * Anything else stays as it is: a wrong caller is worse than none. Among rows that are to be told apart are those whose
 * caller is not sure. Those that are sure take the request that they name out of the game.
 */
export function nameCallers(
  rows: readonly PairableRow[],
  sent: readonly SentRequest[],
  { of, aheadMs }: PairingMoment,
): Map<RequestId, FoundCaller> {
  const sure = rows.filter(isSure)
  const taken = new Set(sure.map(({ request_id }) => request_id))
  const open = sent.filter(({ request_id }) => !taken.has(request_id))
  const placed = rows.filter((row) => !isSure(row)).map((row) => ({ row, atMs: epochMsOf(row.ts) - aheadMs }))
  const named = new Map<RequestId, FoundCaller>()
  for (const group of groupsOf(placed, open)) {
    for (const { row, atMs } of group.rows) {
      if (atMs < of.fromMs || atMs >= of.toMs || !isNameless(row)) continue
      const caller = callerIn(group, of)
      if (caller !== null && caller.attribution !== row.attribution) named.set(row.id, caller)
    }
  }
  return named
}

/** Rows that end in a span and around it: a host that answers thirty a second leaves nothing to tell them apart by. */
export const MOST_OF_A_SPAN = 2_000

/** Where a row may be so many requests nothing can be told apart, and only looking would take long. */
const CROWD = 200

type Placed = { readonly row: PairableRow; readonly atMs: number }
interface Group {
  readonly rows: readonly Placed[]
  readonly sent: readonly SentRequest[]
}

function isSure({ attribution }: PairableRow): boolean {
  return attribution === "exact" || attribution === "only" || attribution === "gateway"
}

/** Nothing is known of its caller but maybe the source, which all that could be it have in common. */
export function isNameless(row: PairableRow): boolean {
  return row.attribution === "alike" ? row.request_id === null : !isEnriched(row)
}

/** What hangs together by fitting each other. A row or a request that fits nothing is in none. */
function groupsOf(rows: readonly Placed[], sent: readonly SentRequest[]): Group[] {
  const inOrder = sent.toSorted((a, b) => beganAtMs(a) - beganAtMs(b))
  const byPlace = Map.groupBy(inOrder, ({ model, path }) => placeKey(model, rowPathOf(path, model)))
  const fitting = new Map<Placed, SentRequest[]>()
  for (const [place, own] of Map.groupBy(rows, ({ row }) => placeKey(row.model, row.req_path))) {
    const there = byPlace.get(place) ?? []
    // As a whole: that one of them is not looked at would say of the others that there are fewer than there are.
    if (own.some((placed) => nearOf(placed, there).length > CROWD)) continue
    for (const placed of own) fitting.set(placed, fittingOf(placed, there))
  }
  const rowsOf = new Map<SentRequest, Placed[]>()
  for (const [placed, list] of fitting)
    for (const one of list) {
      const known = rowsOf.get(one)
      if (known) known.push(placed)
      else rowsOf.set(one, [placed])
    }
  const seen = new Set<Placed | SentRequest>()
  return [...rowsOf.keys()].flatMap((first) => {
    if (seen.has(first)) return []
    seen.add(first)
    const group = { rows: [] as Placed[], sent: [first] }
    for (const one of group.sent)
      for (const placed of rowsOf.get(one) ?? []) {
        if (seen.has(placed)) continue
        seen.add(placed)
        group.rows.push(placed)
        for (const other of fitting.get(placed) ?? []) {
          if (!seen.has(other)) group.sent.push(other)
          seen.add(other)
        }
      }
    return [group]
  })
}

function placeKey(model: string, path: string | null): string {
  return JSON.stringify([model, path])
}

function beganAtMs({ endedAtMs, durationMs }: SentRequest): number {
  return endedAtMs - durationMs
}

/** Of requests in the order of their beginning, those that a row may be. */
function fittingOf(placed: Placed, sent: readonly SentRequest[]): SentRequest[] {
  return nearOf(placed, sent).filter((one) => couldBe(placed.row, one))
}

/** Those that began when it did. */
function nearOf({ row, atMs }: Placed, sent: readonly SentRequest[]): readonly SentRequest[] {
  if (row.duration_ms === null) return []
  const beganMs = atMs - row.duration_ms
  const first = firstFrom(sent, beganMs - BEGINS_MS.after)
  return sent.slice(first, firstFrom(sent, beganMs + BEGINS_MS.before + 1))
}

/** Index of the first that began at that time or later. */
function firstFrom(sent: readonly SentRequest[], ms: number): number {
  let [low, high] = [0, sent.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const one = sent[middle]
    if (one && beganAtMs(one) < ms) low = middle + 1
    else high = middle
  }
  return low
}

/** In all but its time. */
function couldBe(row: PairableRow, sent: SentRequest): boolean {
  if (row.source !== null && row.source !== sent.source) return false
  if (sent.status !== null && row.status_code !== null && row.status_code !== sent.status) return false
  const longerMs = (row.duration_ms ?? 0) - sent.durationMs
  return longerMs >= -LENGTH_MS && longerMs <= (sent.status === null ? NOTICED_MS : LENGTH_MS)
}

function callerIn({ rows, sent }: Group, of: Times): FoundCaller | null {
  const [first] = sent
  if (!first) return null
  if (rows.length === 1 && sent.length === 1) return { ...callerOf(first), attribution: "gateway" }
  if (rows.length > sent.length || sent.some(({ source }) => source !== first.source)) return null
  // A group that reaches beyond what was given may have more rows there.
  const [fromMs, toMs] = [of.fromMs - REACH_MS, of.toMs + REACH_MS]
  const isWhole = [...rows.map(({ atMs }) => atMs), ...sent.map(({ endedAtMs }) => endedAtMs)].every(
    (ms) => ms >= fromMs && ms < toMs,
  )
  return isWhole ? { ...commonOf(sent.map(callerOf)), attribution: "alike" } : null
}

type Caller = Omit<FoundCaller, "attribution">

function callerOf({ source, request_id, client_ip, user_agent, session_id }: SentRequest): Caller {
  return { source, request_id, client_ip, user_agent, session_id }
}

/** What all of them say. */
function commonOf(callers: readonly Caller[]): Caller {
  const [first] = callers
  const common = <Key extends keyof Caller>(key: Key): Caller[Key] | null => {
    const value = first?.[key] ?? null
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
