import type { HostAction } from "@boocontrol/shared/actions"
import type { InflightData } from "@boocontrol/shared/activity"
import type { FleetHost, FleetPatch, HostRates } from "@boocontrol/shared/fleet"
import { PRESENCE_EVERY_MS, PRESENCE_MISSES_UNTIL_DOWN } from "@boocontrol/shared/hosts"
import type { HostRow, PresenceData } from "@boocontrol/shared/hosts"
import type { BootId, InstanceId } from "@boocontrol/shared/ids"
import type { HostLease } from "@boocontrol/shared/leases"
import type { ModelReading } from "@boocontrol/shared/models"
import type { PerfSample } from "@boocontrol/shared/telemetry"
import { instantOf, epochMsOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { unreachable } from "@boocontrol/shared/unreachable"
import { sameValue } from "./same-value.ts"
import { shownModels } from "./shown-models.ts"
import type { Preferences } from "./shown-models.ts"

/** After so long without a presence a host is down, and another sidecar may take its id. */
export const SILENT_AFTER_MS = PRESENCE_EVERY_MS * PRESENCE_MISSES_UNTIL_DOWN

/** Which process of which installation a message came from. */
export interface Sender {
  readonly instance: InstanceId
  readonly boot: BootId
}

/**
 * While nothing else changes, so often does "last seen" of a host that is there. Every presence would cost a frame
 * for every host and reader, five seconds after five seconds, to say that nothing is new. No longer than silence takes.
 */
const SEEN_SHOWN_EVERY_MS = SILENT_AFTER_MS

export type HostEvent =
  | { kind: "presence"; from: Sender; data: PresenceData }
  /** Heard as it is said, or read again from the stream by a hub that was not there: `seq` tells which is newer. */
  | { kind: "models"; from: Sender; seq: number; models: readonly ModelReading[] }
  | { kind: "inflight"; from: Sender; data: InflightData }
  | { kind: "live"; from: Sender; sample: PerfSample }
  /** Anything else a sidecar says: it changes nothing here, but a twin must not be heeded. */
  | { kind: "spoke"; from: Sender }
  | { kind: "registered"; row: HostRow }
  | { kind: "preferred"; prefs: Preferences }
  | { kind: "rated"; rates: HostRates }
  | { kind: "leased"; lease: HostLease | null }
  | { kind: "acted"; actions: readonly HostAction[] }
  | { kind: "rejected"; reason: string }
  | { kind: "tick" }

/**
 * One host as this hub knows it.
 *
 * | liveness     | entered when                                      | leaves when                                     |
 * | ------------ | ------------------------------------------------- | ----------------------------------------------- |
 * | reconnecting | the hub starts, the host is registered or enabled;| a presence says otherwise; silence: down        |
 * |              | or its sidecar says so of its engine              |                                                 |
 * | connected    | a presence whose engine is connected              | a presence says otherwise; silence: down        |
 * | down         | three presences missed; its sidecar says so of    | a presence says otherwise; enabled: reconnecting|
 * |              | its engine; the host is disabled                  |                                                 |
 *
 * In `down`, and until the host has listed its models to this hub, the state of every model is null.
 */
export interface HostState {
  /** Raised by `step` alone, once per patch. */
  readonly seq: number
  /** What readers see. `sample` is current too, but never part of a patch. */
  readonly shown: FleetHost
  /** The sidecar that holds this id. `boot` is null until its first presence. */
  readonly holder: { readonly instance: InstanceId; readonly boot: BootId | null } | null
  /** How far the holder's clock is ahead of the hub's, as its last presence had it. */
  readonly clockAheadMs: number
  /** Last presence of the holder, or the moment from which one is waited for. */
  readonly presenceAtMs: number
  /** Another installation that claims this id and was refused. */
  readonly twin: Twin | null
  /** The last list of models as the host gave it. */
  readonly reported: readonly ModelReading[]
  /** Whether the states in it are from a life this hub has listened to. */
  readonly statesKnown: boolean
  /** The durable message the list came in, so that an older one does not overwrite it. */
  readonly reportedIn: { readonly boot: BootId; readonly seq: number } | null
  readonly prefs: Preferences
  readonly rejected: { readonly count: number; readonly reason: string; readonly atMs: number } | null
}

interface Twin {
  readonly instance: InstanceId
  readonly since: Instant
  readonly heardAtMs: number
  readonly toldAtMs: number
}

type Changes = Partial<FleetHost>

export interface HostStep {
  readonly host: HostState
  /** Whole top-level keys that really changed; null: nothing did, and `seq` is as it was. */
  readonly patch: FleetPatch | null
  /** False for what a twin or a disabled host says: it must not be relayed either. */
  readonly heeded: boolean
  /** Tell this instance that another holds the id. */
  readonly refuse: InstanceId | null
  /** The host is up, but what it has loaded was said before this hub listened: look it up in the stream. */
  readonly recallModels: boolean
}

/** The one function that changes a host's state and raises its `seq`. */
export function step(host: HostState, event: HostEvent, nowMs: number): HostStep {
  switch (event.kind) {
    case "presence":
      return heed(host, { from: event.from, nowMs, act: (held) => onPresence(held, event, nowMs) })
    case "models":
      return heed(host, { from: event.from, nowMs, act: (held) => onModels(held, event) })
    case "inflight":
      return heed(host, { from: event.from, nowMs, act: (held) => onInflight(held, event.data) })
    case "live":
      return heed(host, { from: event.from, nowMs, act: (held) => onSample(held, event.sample) })
    case "spoke":
      return heed(host, { from: event.from, nowMs, act: quiet })
    case "registered":
      return onRegistered(host, event.row, nowMs)
    case "preferred":
      return show({ ...host, prefs: event.prefs }, {})
    case "rated":
      return host.shown.liveness === "down" ? quiet(host) : show(host, { rates: event.rates })
    case "acted":
      return show(host, { actions: [...event.actions] })
    case "leased":
      return show(host, { lease: event.lease })
    case "rejected": {
      const rejected = { count: (host.rejected?.count ?? 0) + 1, reason: event.reason, atMs: nowMs }
      return show({ ...host, rejected }, rejectedDue(host, rejected, nowMs))
    }
    case "tick":
      return onTick(host, nowMs)
    default:
      return unreachable(event)
  }
}

type PresenceEvent = Extract<HostEvent, { kind: "presence" }>
type ModelsEvent = Extract<HostEvent, { kind: "models" }>

interface Claim {
  from: Sender
  nowMs: number
  act: (held: HostState) => HostStep
}

/** Lets the holder act. The first to speak holds the id, until it has been silent for three presences. */
function heed(host: HostState, { from, nowMs, act }: Claim): HostStep {
  if (!host.shown.enabled) return { ...quiet(host), heeded: false }
  if (host.holder?.instance === from.instance) return act(host)
  if (host.holder === null || nowMs - host.presenceAtMs >= SILENT_AFTER_MS) {
    const wasTwin = host.twin?.instance === from.instance
    const holder = { instance: from.instance, boot: null }
    return act({
      ...host,
      holder,
      presenceAtMs: nowMs,
      reportedIn: null,
      statesKnown: false,
      twin: wasTwin ? null : host.twin,
    })
  }
  const known = host.twin?.instance === from.instance ? host.twin : null
  const tell = known === null || nowMs - known.toldAtMs >= PRESENCE_EVERY_MS
  const twin = {
    instance: from.instance,
    since: known?.since ?? instantOf(nowMs),
    heardAtMs: nowMs,
    toldAtMs: tell ? nowMs : known.toldAtMs,
  }
  const told = show({ ...host, twin }, {})
  return { ...told, heeded: false, refuse: tell ? from.instance : null }
}

function onPresence(host: HostState, { from, data }: PresenceEvent, nowMs: number): HostStep {
  const { engine, hardware } = data
  const next = show(
    {
      ...host,
      holder: from,
      clockAheadMs: epochMsOf(data.clock.now) - nowMs,
      presenceAtMs: nowMs,
      statesKnown: engine.liveness !== "down" && host.statesKnown,
    },
    {
      ...becomes(host, engine.liveness, nowMs),
      ...seenDue(host, engine.liveness, nowMs),
      simulated: data.simulated ?? host.shown.simulated,
      sidecar_version: data.sidecar_version,
      engine_version: engine.version,
      engine_era: engine.era,
      engine_lacks: engine.lacks,
      advertise_url: data.advertise_url,
      problem: engine.problem,
      hardware,
      gpus: hardware.gpus,
      gpu_feed: data.gpu_feed,
      spool: data.spool,
    },
  )
  const recallModels = engine.liveness === "connected" && next.host.reportedIn?.boot !== from.boot
  return { ...next, recallModels }
}

function onModels(host: HostState, event: ModelsEvent): HostStep {
  const { from, seq, models } = event
  const before = host.reportedIn
  const boot = host.holder?.boot ?? null
  // A spool replays what an earlier life of the sidecar left: history, not the present.
  if (boot !== null && from.boot !== boot) return quiet(host)
  if (before?.boot === from.boot && seq <= before.seq) return quiet(host)
  return show({ ...host, reported: models, reportedIn: { boot: from.boot, seq }, statesKnown: true }, {})
}

function onInflight(host: HostState, { requests, total }: InflightData): HostStep {
  if (host.shown.liveness === "down") return quiet(host)
  return show(host, { inflight: requests, inflight_total: total })
}

// A sample comes a moment late at most. One that seems older than this was taken after the clock of its host was set back.
const LATE_MS = 30_000

function onSample(host: HostState, sample: PerfSample): HostStep {
  if (host.shown.liveness === "down") return quiet(host)
  const newest = host.shown.sample
  const behindMs = newest === null ? 0 : epochMsOf(newest.ts) - epochMsOf(sample.ts)
  if (behindMs > 0 && behindMs <= LATE_MS) return quiet(host)
  return quiet({ ...host, shown: { ...host.shown, sample } })
}

function onRegistered(host: HostState, row: HostRow, nowMs: number): HostStep {
  const wasEnabled = host.shown.enabled
  const changes: Changes = {
    display_name: row.display_name,
    os: row.os,
    gpu_label: row.gpu_label,
    tags: row.tags,
    enabled: row.enabled,
    simulated: row.simulated,
    advertise_url: host.shown.advertise_url ?? row.advertise_url,
  }
  if (row.enabled === wasEnabled) return show(host, changes)
  if (row.enabled) {
    return show({ ...host, presenceAtMs: nowMs }, { ...changes, ...becomes(host, "reconnecting", nowMs) })
  }
  const silenced = { ...host, holder: null, twin: null, reportedIn: null, statesKnown: false }
  return show(silenced, { ...changes, ...becomes(host, "down", nowMs), ...UNHEARD })
}

function onTick(host: HostState, nowMs: number): HostStep {
  const silent = nowMs - host.presenceAtMs >= SILENT_AFTER_MS
  const twinLeft = host.twin !== null && nowMs - host.twin.heardAtMs >= SILENT_AFTER_MS
  let next: HostState = twinLeft ? { ...host, twin: null } : host
  const changes = rejectedDue(host, host.rejected, nowMs)
  if (silent) {
    next = { ...next, statesKnown: false, reportedIn: null }
    const heard = host.holder?.boot ? { last_seen_at: instantOf(host.presenceAtMs) } : {}
    return show(next, { ...changes, ...becomes(host, "down", nowMs), ...heard, ...UNHEARD })
  }
  return next === host && changes.rejected === undefined ? quiet(host) : show(next, changes)
}

/** What only its sidecar can say: how much waits there by now, and whether its engine still has the same trouble. */
const UNHEARD = { spool: null, problem: null }

function seenDue(host: HostState, liveness: FleetHost["liveness"], nowMs: number): Changes {
  const { last_seen_at: before, liveness: was } = host.shown
  const isDue = before === null || was !== liveness || nowMs - epochMsOf(before) >= SEEN_SHOWN_EVERY_MS
  return isDue ? { last_seen_at: instantOf(nowMs) } : {}
}

/** What changes on screen with the liveness: what a host that is down was doing is not known any more. */
function becomes(host: HostState, liveness: FleetHost["liveness"], nowMs: number): Changes {
  const since = liveness === host.shown.liveness ? host.shown.liveness_since : instantOf(nowMs)
  const lost = liveness === "down" ? { inflight: null, inflight_total: null, rates: null, sample: null } : {}
  return { liveness, liveness_since: since, ...lost }
}

/** A host that sends nonsense may send a lot of it: shown at most every 5 s. */
function rejectedDue(host: HostState, rejected: HostState["rejected"], nowMs: number): Changes {
  const before = host.shown.rejected
  if (rejected === null || rejected.count === before?.count) return {}
  if (before !== null && nowMs - epochMsOf(before.at) < PRESENCE_EVERY_MS) return {}
  return { rejected: { count: rejected.count, reason: rejected.reason, at: instantOf(nowMs) } }
}

function quiet(host: HostState): HostStep {
  return { host, patch: null, heeded: true, refuse: null, recallModels: false }
}

/** Compares, and raises `seq` only where a reader would see another value. */
function show(host: HostState, changes: Changes): HostStep {
  const known = host.statesKnown && (changes.liveness ?? host.shown.liveness) !== "down"
  const wanted: Changes = {
    ...changes,
    twin: host.twin && { instance: host.twin.instance, at: host.twin.since },
    models: shownModels(host.reported, { prefs: host.prefs, known }),
  }
  const patch: Changes = {}
  for (const key of keysOf(wanted)) {
    if (key !== "sample" && !sameValue(host.shown[key], wanted[key])) copyKey(patch, wanted, key)
  }
  const shown: FleetHost = { ...host.shown, ...patch }
  if (changes.sample !== undefined) shown.sample = changes.sample
  if (keysOf(patch).length === 0) return quiet({ ...host, shown })
  return { ...quiet({ ...host, seq: host.seq + 1, shown }), patch }
}

function copyKey<K extends keyof FleetHost>(to: Pick<Changes, K>, from: Pick<Changes, K>, key: K): void {
  to[key] = from[key]
}

function keysOf<T extends object>(value: T): (keyof T)[] {
  return Object.keys(value) as (keyof T)[]
}
