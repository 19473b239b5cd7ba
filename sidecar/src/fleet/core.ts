import type { ModelState, ModelTransition } from "@boocontrol/shared/models"
import { instantOf } from "@boocontrol/shared/time"
import type { ListedModel, RunningModel } from "./ports.ts"

/**
 * State of one model, from lists that the engine sends after each change.
 *
 * | from                | to       | becomes                                                                     |
 * | ------------------- | -------- | --------------------------------------------------------------------------- |
 * | starting            | ready    | `ready`; the time between is a load time                                     |
 * | starting            | stopped  | `failing`: still shown as starting until its reason is known, see `settle`    |
 * | failing             | (reason) | `error` with it, or `stopped` where the reason is that someone stopped it     |
 * | failing             | (silence)| `error` without a reason after `REASON_WAIT_MS`                              |
 * | error               | stopped  | stays `error`: the engine has no such state                                  |
 * | error               | other    | that state: the next load clears it                                          |
 * | any                 | other    | that state                                                                   |
 */
export interface ModelLife {
  readonly listed: ListedModel
  readonly state: ModelState | null
  readonly sinceMs: number | null
  readonly error: string | null
  readonly failingSinceMs: number | null
  readonly startedMs: number | null
  /** Newest last. */
  readonly loadMs: readonly number[]
  readonly ttlS: number | null
  readonly quant: string | null
  readonly lastEndMs: number | null
  /** When the load began that it lives from, if that was seen. */
  readonly bornMs: number | null
}

export interface Fleet {
  readonly models: ReadonlyMap<string, ModelLife>
  /** Why a start failed, told before the list that shows it. */
  readonly reasons: ReadonlyMap<string, { readonly text: string; readonly atMs: number }>
}

export interface FleetStep {
  readonly fleet: Fleet
  readonly transitions: readonly ModelTransition[]
}

export const EMPTY_FLEET: Fleet = { models: new Map(), reasons: new Map() }

/** The reason stands in the log or in a failed request, within milliseconds of the list. */
export const REASON_WAIT_MS = 300
const REASON_VALID_MS = 3_000
const LOADS_KEPT = 5

/** `live`: the list follows an earlier one without a break, so that a change is one that happened now. */
export function applyList(
  fleet: Fleet,
  list: readonly ListedModel[],
  at: { nowMs: number; live: boolean },
): FleetStep {
  const models = new Map<string, ModelLife>()
  const transitions: ModelTransition[] = []
  for (const listed of list) {
    const known = fleet.models.get(listed.id)
    const next = known ? advance(known, listed, { ...at, transitions }) : firstSight(listed)
    models.set(listed.id, next)
  }
  return settle({ ...fleet, models }, at.nowMs, transitions)
}

/**
 * Models as polled; those that are missing in it are stopped. `current` false: a list came meanwhile, so only what
 * does not change with the state is taken.
 */
export function applyRunning(
  fleet: Fleet,
  running: readonly RunningModel[],
  at: { nowMs: number; live: boolean; current: boolean },
): FleetStep {
  const byId = new Map(running.map((model) => [model.id, model]))
  const list = [...fleet.models.values()].map(({ listed }): ListedModel => {
    if (listed.peer !== null || !at.current) return listed
    return { ...listed, state: byId.get(listed.id)?.state ?? "stopped" }
  })
  const step = at.current ? applyList(fleet, list, at) : { fleet, transitions: [] }
  const models = new Map(step.fleet.models)
  for (const { id, ttl_s, quant } of running) {
    const life = models.get(id)
    if (life) models.set(id, { ...life, ttlS: ttl_s ?? life.ttlS, quant: quant ?? life.quant })
  }
  return { ...step, fleet: { ...step.fleet, models } }
}

/** Why a start of this model failed. May come before or after the list that shows it. */
export function applyReason(fleet: Fleet, failed: { model: string; text: string }, nowMs: number): FleetStep {
  const reasons = new Map([...fleet.reasons].filter(([, { atMs }]) => atMs >= nowMs - REASON_VALID_MS))
  reasons.set(failed.model, { text: failed.text, atMs: nowMs })
  const life = fleet.models.get(failed.model)
  const told = { ...fleet, reasons }
  // A start that failed faster than lists are sent shows up in no list at all.
  if (life?.state === "stopped" && life.failingSinceMs === null && !wasAsked(failed.text)) {
    const models = new Map(fleet.models)
    models.set(failed.model, { ...life, state: "starting", failingSinceMs: nowMs })
    return settle({ ...told, models }, nowMs, [])
  }
  return settle(told, nowMs, [])
}

/** Ends the wait for reasons: those that are known, and those whose time is over. */
export function settle(fleet: Fleet, nowMs: number, before: readonly ModelTransition[] = []): FleetStep {
  const transitions = [...before]
  const models = new Map(fleet.models)
  const reasons = new Map(fleet.reasons)
  for (const [id, life] of fleet.models) {
    if (life.failingSinceMs === null) continue
    const reason = reasons.get(id)
    const fresh = reason && reason.atMs >= life.failingSinceMs - REASON_VALID_MS ? reason.text : null
    if (fresh === null && nowMs - life.failingSinceMs < REASON_WAIT_MS) continue
    reasons.delete(id)
    models.set(id, fail(life, fresh, transitions))
  }
  return { fleet: { models, reasons }, transitions }
}

/** Row times are cut to whole seconds. */
const ROW_TIME_MS = 1_000

/** Ends of requests decide when an idle model is unloaded; those from before its load do not. */
export function applyRequestEnd(fleet: Fleet, model: string, endMs: number): Fleet {
  const life = fleet.models.get(model)
  if (!life || (life.lastEndMs ?? 0) >= endMs) return fleet
  if (life.bornMs !== null && endMs + ROW_TIME_MS < life.bornMs) return fleet
  return { ...fleet, models: new Map(fleet.models).set(model, { ...life, lastEndMs: endMs }) }
}

/** Someone stopped it on purpose while it was starting. */
function wasAsked(reason: string): boolean {
  return /\baborted\b|model unloaded|shutting down/i.test(reason)
}

function firstSight(listed: ListedModel): ModelLife {
  return {
    listed,
    state: listed.state,
    sinceMs: null,
    error: null,
    failingSinceMs: null,
    startedMs: null,
    loadMs: [],
    ttlS: null,
    quant: null,
    lastEndMs: null,
    bornMs: null,
  }
}

function advance(
  life: ModelLife,
  listed: ListedModel,
  at: { nowMs: number; live: boolean; transitions: ModelTransition[] },
): ModelLife {
  const next = listed.state
  const known = { ...life, listed }
  if (life.failingSinceMs !== null) {
    if (next === "stopped") return known
    // Started again before its reason came.
    return advance(fail(known, null, at.transitions), listed, at)
  }
  if (next === life.state || (life.state === "error" && next === "stopped")) return known
  if (next === null) return { ...known, state: null, sinceMs: null, startedMs: null }
  if (life.state === "starting" && next === "stopped" && at.live)
    return { ...known, failingSinceMs: at.nowMs }
  at.transitions.push({ ...change(life, at.nowMs), to: next, reason: null })
  const loadMs =
    next === "ready" && life.startedMs !== null && at.live
      ? [...life.loadMs, at.nowMs - life.startedMs].slice(-LOADS_KEPT)
      : life.loadMs
  return {
    ...known,
    state: next,
    sinceMs: at.live ? at.nowMs : null,
    error: null,
    startedMs: next === "starting" && at.live ? at.nowMs : null,
    bornMs: next === "starting" && at.live ? at.nowMs : next === "stopped" ? null : life.bornMs,
    loadMs,
    // The idle time of a load begins anew.
    lastEndMs: next === "starting" || next === "stopped" ? null : life.lastEndMs,
  }
}

function fail(life: ModelLife, reason: string | null, transitions: ModelTransition[]): ModelLife {
  const atMs = life.failingSinceMs ?? 0
  const asked = reason !== null && wasAsked(reason)
  const state = asked ? "stopped" : "error"
  const error = asked ? null : (reason ?? "stopped before it was ready")
  transitions.push({ ...change(life, atMs), to: state, reason: error ?? reason })
  return { ...life, state, sinceMs: atMs, error, failingSinceMs: null, startedMs: null, lastEndMs: null }
}

function change(life: ModelLife, atMs: number): Omit<ModelTransition, "to" | "reason"> {
  return { model: life.listed.id, from: life.state, at: instantOf(atMs) }
}
