import type { RouteAsk, RouteDispatch } from "@boocontrol/shared/routing"
import { HIDDEN, redactHeader } from "@boocontrol/shared/redact"
import { isUnstorable, storable } from "@boocontrol/shared/storable"
import { subjects } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import { tokenCost } from "@boocontrol/shared/token-cost"
import { v7 } from "uuid"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { NatsConnection } from "../platform/nats.ts"
import { isAboutData } from "../platform/postgres.ts"
import type { Decision, Ranked } from "./core/decide.ts"
import { candidatesOf } from "./core/explain.ts"
import { priceOf, providerOf } from "./core/view.ts"
import type { GatewayAsk } from "./ports.ts"
import type { DispatchesStore } from "./store/dispatches.ts"

export interface CountedUsage {
  readonly promptTokens: number | null
  readonly cacheTokens: number | null
  readonly outputTokens: number | null
}

/** How one attempt ended, as it is left on the hot path: words and rows are made of it later. */
export interface DispatchEnd {
  readonly ask: RouteAsk
  readonly given: GatewayAsk
  readonly decision: Decision
  readonly ranked: Ranked | null
  readonly attempt: number
  readonly atMs: number
  readonly waitMs: number | null
  readonly isSwap: boolean
  readonly outcome: RouteDispatch["outcome"]
  readonly reason: string | null
  readonly ttftMs: number | null
  readonly durationMs: number | null
  readonly usage: CountedUsage | null
  /** It may have reached the host. */
  readonly isSent: boolean
  /** What the host answered; null where it did not, or nobody waited for it. */
  readonly status: number | null
}

/**
 * What waits to be written: of the request only what its row says. Its body and its connection must not be held for a
 * quarter of a second because of a row.
 */
type Kept = Omit<DispatchEnd, "ask" | "given" | "decision"> & {
  readonly requestId: string
  readonly asked: Omit<RouteAsk, "headers" | "session" | "lease" | "max_tokens" | "served_by">
  readonly from: Pick<GatewayAsk, "path" | "clientIp" | "userAgent" | "session">
  readonly headers: RouteDispatch["headers"]
  readonly decision: Omit<Decision, "ask">
}

function kept(end: DispatchEnd, named: ReadonlySet<string>): Kept {
  const { resolution, policy, rule, ranked, refused, problem } = end.decision
  const { model, source, key, endpoint, tools, images, prompt_tokens } = end.ask
  const { path, clientIp, userAgent, session } = end.given
  return {
    requestId: end.given.requestId,
    asked: { model, source, key, endpoint, tools, images, prompt_tokens },
    from: { path, clientIp, userAgent, session },
    // Looked at only where a policy does: they are put together for who asks.
    headers: named.size === 0 ? null : headersOf(end.ask, named),
    decision: { resolution, policy, rule, ranked, refused, problem },
    ranked: end.ranked,
    attempt: end.attempt,
    atMs: end.atMs,
    waitMs: end.waitMs,
    isSwap: end.isSwap,
    outcome: end.outcome,
    reason: end.reason,
    ttftMs: end.ttftMs,
    durationMs: end.durationMs,
    usage: end.usage,
    isSent: end.isSent,
    status: end.status,
  }
}

const LONGEST_HEADER = 200

/** Those that policies name, null where the request did not have one. What may be a secret is never kept. */
function headersOf({ headers }: RouteAsk, named: ReadonlySet<string>): RouteDispatch["headers"] {
  const found: Record<string, string | null> = {}
  for (const name of named) {
    const value = Object.hasOwn(headers, name) ? (headers[name] ?? null) : null
    if (redactHeader(name, value ?? "") !== HIDDEN) found[name] = value?.slice(0, LONGEST_HEADER) ?? null
  }
  return found
}

export interface DispatchLog {
  add(end: DispatchEnd): void
  /** Ends that were not kept because Postgres took too long. */
  lost(): number
  start(): void
  stop(): Promise<void>
}

const FLUSH_MS = 250
const BATCH = 500
/** Some minutes of a busy hub. What does not fit is counted, and requests go on. */
const MOST_WAITING = 20_000
const CANDIDATES = 40

/** Keeps what was decided, off the hot path: at most a quarter of a second of it is lost with the process. */
export function createDispatchLog(around: {
  store: Pick<DispatchesStore, "insert">
  nc: Pick<NatsConnection, "publish">
  clock: Clock
  log: Log
  /** Names of the headers that policies look at now. */
  headers: () => ReadonlySet<string>
}): DispatchLog {
  const { store, nc, clock, log, headers } = around
  let ends: Kept[] = []
  let lost = 0
  let size = BATCH
  let writing: Promise<void> | null = null
  let cancel: (() => void) | null = null

  const flush = async (): Promise<void> => {
    while (ends.length > 0) {
      // Each row is written down once, for the table and for whoever listens.
      const rows = ends.slice(0, size).map((end) => rowText(rowOf(end)))
      try {
        await store.insert(rows)
      } catch (error) {
        log.warn({ err: error, waiting: ends.length }, "decisions could not be stored")
        if (!isAboutData(error)) return
        // One of them will never be stored: it must not stand before all others.
        if (rows.length === 1) {
          lost += 1
          ends = ends.slice(1)
        }
        size = Math.max(1, Math.floor(rows.length / 2))
        continue
      }
      size = BATCH
      ends = ends.slice(rows.length)
      for (const row of rows) nc.publish(subjects.hubDispatch, row)
    }
  }
  const round = (): void => {
    if (ends.length > 0) writing ??= flush().finally(() => (writing = null))
  }

  return {
    add(end) {
      if (ends.length >= MOST_WAITING) lost += 1
      else ends.push(kept(end, headers()))
    },
    lost: () => lost,
    start: () => void (cancel ??= clock.every(FLUSH_MS, round)),
    async stop() {
      cancel?.()
      cancel = null
      await writing
      await flush()
    },
  }
}

let serial = 0

/** Decisions of one millisecond are listed as they were made: the attempt that failed, then the refusal after it. */
function nextSerial(): number {
  serial = (serial + 1) % 2 ** 31
  return serial
}

const POOL = new Uint8Array(16 * 256)
let used = POOL.length

/** One call to the system's generator for 256 ids; no byte is given out twice. */
function random16(): Uint8Array {
  if (used === POOL.length) {
    crypto.getRandomValues(POOL)
    used = 0
  }
  used += 16
  return POOL.subarray(used - 16, used)
}

/** What a client named or a host said may hold characters that Postgres refuses; one would keep all others out. */
function rowText(row: RouteDispatch): string {
  const text = JSON.stringify(row)
  return isUnstorable(text) ? JSON.stringify(storable(row)) : text
}

function rowOf(end: Kept): RouteDispatch {
  const { asked, from, decision, ranked, usage } = end
  const terms = ranked?.terms
  // Written down member by member: put together of parts it is made and turned into text half as fast.
  return {
    id: v7({ msecs: end.atMs, seq: nextSerial(), random: random16() }),
    ts: instantOf(end.atMs),
    request_id: end.requestId,
    asked_model: asked.model,
    resolved_as: decision.resolution.as,
    policy: decision.policy?.policy.name ?? null,
    policy_version: decision.policy?.version ?? null,
    rule: decision.rule.name,
    source: asked.source,
    key_label: asked.key,
    endpoint: asked.endpoint,
    attempt: end.attempt,
    provider_id: ranked && providerOf(ranked.place),
    model: ranked?.place.model.id ?? null,
    swap: end.isSwap,
    wait_ms: end.waitMs,
    ttft_ms: end.ttftMs,
    duration_ms: end.durationMs,
    expected_ttft_ms: terms ? terms.wait + terms.load + terms.prefill : null,
    outcome: end.outcome,
    reason: end.reason,
    cost: ranked && usage ? costOf(ranked, usage) : null,
    tools: asked.tools,
    images: asked.images,
    asked_tokens: asked.prompt_tokens,
    headers: end.headers,
    prompt_tokens: countOf(usage?.promptTokens),
    output_tokens: countOf(usage?.outputTokens),
    candidates: candidatesOf(decision, ranked).slice(0, CANDIDATES),
    path: end.isSent ? from.path : null,
    status_code: end.status,
    client_ip: from.clientIp,
    user_agent: from.userAgent,
    session_id: from.session,
  }
}

const MOST_TOKENS = 1e9

/** What a host calls a number of tokens is one only within reason. */
function countOf(value: number | null = null): number | null {
  return value !== null && Number.isInteger(value) && value >= 0 && value <= MOST_TOKENS ? value : null
}

function costOf({ place }: Ranked, usage: NonNullable<DispatchEnd["usage"]>): number | null {
  if (usage.outputTokens === null) return null
  const [prompt, cached] = [usage.promptTokens ?? 0, usage.cacheTokens ?? 0]
  return tokenCost(priceOf(place), { prompt, cached, output: usage.outputTokens })
}
