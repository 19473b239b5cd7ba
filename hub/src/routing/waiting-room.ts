import type { RouteAsk } from "@boocontrol/shared/routing"
import type { Clock } from "../platform/clock.ts"
import { demandMeter } from "./core/demand.ts"
import { isOnlyFull } from "./core/decide.ts"
import type { Decision, Ranked } from "./core/decide.ts"
import { nextInLine, planQueue } from "./core/queue.ts"
import type { Choice, Claim, QueueHost, Resident, Waiting } from "./core/queue.ts"
import type { RouteHost, RouteView } from "./core/view.ts"
import { hasRoom, placeKey } from "./core/view.ts"

/** A request that waits for its turn. */
export interface Waiter {
  readonly ask: RouteAsk
  readonly tried: ReadonlySet<string>
  /** Requests of one kind are decided alike: by one decision. */
  readonly kind: string
  readonly source: string
  readonly sinceMs: number
  /** So long it may wait. */
  readonly untilMs: number
  /** Its turn: it goes to this place, at once. `decision` is the one its group was served by. */
  granted(ranked: Ranked, decision: Decision, isLoad: boolean): void
  /** Nobody can serve it any more, or it has waited for too long. */
  given(up: { decision: Decision; isOver: boolean }): void
}

export interface WaitingRoom {
  enter(waiter: Waiter): () => void
  /** Something has changed: a request has ended, a model is loaded. */
  look(): void
  /** Requests that wait for a model which would be served by this host. */
  ahead(host: string, model: string): number
  /** Whether a free slot there is for others: somebody waits for this model, or the host is claimed. */
  isSpoken(host: string, model: string): boolean
  readonly demand: ReturnType<typeof demandMeter>
  waiting(): number
  /** One more of this source would only wait to be refused, and slow all others. */
  isFull(source: string): boolean
  stop(): void
}

export interface WaitingRoomOptions {
  clock: Clock
  view: () => RouteView
  decide: (ask: RouteAsk, tried: ReadonlySet<string>) => Decision
}

/** A load that was begun and that its host has not told of yet: no longer believed after this. */
const UNTOLD_MS = 20_000

/** More is hours of work for most fleets; and whoever asks for so much must leave room for the others. */
const MOST_WAITING = 10_000
const MOST_OF_A_SOURCE = 1_000

/** The fleet queue at work: it holds who waits, and asks the core again whenever something may have changed. */
export function createWaitingRoom({ clock, view, decide }: WaitingRoomOptions): WaitingRoom {
  const waiters = new Map<number, Waiter>()
  const given = new Map<string, number>()
  const loads = new Map<string, { model: string; evicts: readonly string[]; sinceMs: number }>()
  const demand = demandMeter()
  let claims: readonly Claim[] = []
  let ahead = new Map<string, number>()
  let next = 1
  let cancel: (() => void) | null = null
  let isLooking = false
  let lookAgain = false

  const residentsOf = (host: RouteHost, nowMs: number): Resident[] => {
    const begun = loads.get(host.id)
    const residents: Resident[] = []
    for (const model of host.models) {
      if (model.isPeer) continue
      const isHeld = model.state === "ready" || model.state === "starting"
      const isBegun = begun?.model === model.id
      if (isBegun && isHeld) loads.delete(host.id)
      if (!isHeld && !isBegun) continue
      if (begun && !isBegun && begun.evicts.includes(model.id)) continue
      const isReady = model.state === "ready"
      const sinceMs = (isHeld ? model.stateSinceMs : begun?.sinceMs) ?? nowMs
      const leftMs = isReady ? 0 : Math.max(1000, model.load.value - (nowMs - sinceMs))
      const busy = model.inflight
      residents.push({
        ...{ model: model.id, state: isReady ? "ready" : "loading", slots: model.slots, busy, sinceMs },
        freeInMs: leftMs + (busy >= model.slots ? model.serviceMs / model.slots : 0),
        idleInMs: leftMs + (busy > 0 ? model.serviceMs : 0),
      })
    }
    return residents
  }

  const look = (): void => {
    if (isLooking) return void (lookAgain = true)
    isLooking = true
    try {
      do {
        lookAgain = false
        lookOnce()
      } while (lookAgain)
    } finally {
      isLooking = false
    }
  }

  const lookOnce = (): void => {
    cancel?.()
    cancel = null
    const nowMs = clock.now()
    for (const [host, { sinceMs }] of loads) if (nowMs - sinceMs > UNTOLD_MS) loads.delete(host)
    if (waiters.size === 0) {
      claims = []
      ahead = new Map()
      return
    }
    const decisions = decideKinds()
    sendToTargets(decisions, nowMs)
    giveUp(decisions, nowMs)
    const hosts = new Map<string, QueueHost>(
      view().hosts.map((host) => [host.id, { id: host.id, residents: residentsOf(host, nowMs) }]),
    )
    const choicesByKind = new Map([...decisions].map(([kind, by]) => [kind, choicesOf(by, hosts)]))
    // Who may go to the same places waits in one line, whoever asks: a load serves all of them, and sources take turns.
    const choices = new Map<string, readonly Choice[]>()
    const lineOf = new Map<string, string>()
    for (const [kind, of] of choicesByKind) {
      const line = lineOfChoices(of)
      lineOf.set(kind, line)
      if (!choices.has(line)) choices.set(line, of)
    }
    const waiting: Waiting[] = [...waiters]
      .map(([id, { source, sinceMs, kind }]) => ({ id, source, sinceMs, group: lineOf.get(kind) ?? kind }))
      .sort((a, b) => a.sinceMs - b.sinceMs)
    const plan = planQueue({
      ...{ nowMs, waiting, hosts, claims, demand: (model) => demand.perMs(model, nowMs) },
      choices: (group) => choices.get(group) ?? [],
      serviceMs: demand.serviceMs,
      given: (source) => given.get(source) ?? 0,
      utilisation: Math.min(0.95, demand.workPerMs(nowMs) / Math.max(1, slotsIn(hosts))),
    })
    claims = plan.claims
    for (const grant of plan.grants) {
      const waiter = waiters.get(grant.id)
      const decision = waiter && decisions.get(waiter.kind)
      const ranked = decision?.ranked.find(
        ({ place }) =>
          place.kind === "host" && place.host.id === grant.host && place.model.id === grant.model,
      )
      if (!waiter || !decision || !ranked) continue
      waiters.delete(grant.id)
      countGiven(waiter.source, grant.model)
      if (grant.isLoad)
        loads.set(grant.host, { model: grant.model, evicts: evictsOf(ranked), sinceMs: nowMs })
      waiter.granted(ranked, decision, grant.isLoad)
    }
    countAhead(choicesByKind)
    wakeAt(plan.againAtMs, nowMs)
  }

  const countGiven = (source: string, model: string): void =>
    void given.set(source, (given.get(source) ?? 0) + demand.serviceMs(model))

  /** Who comes anew is not ahead of all others by everything they had before. */
  const begin = (source: string): void => {
    const others = [...waiters.values()].map((one) => given.get(one.source) ?? 0)
    const least = others.length > 0 ? Math.min(...others) : 0
    if (waiters.size === 0) given.clear()
    given.set(source, Math.max(given.get(source) ?? 0, least))
  }

  const decideKinds = (): Map<string, Decision> => {
    const decisions = new Map<string, Decision>()
    for (const { kind, ask, tried } of waiters.values())
      if (!decisions.has(kind)) decisions.set(kind, decide(ask, tried))
    return decisions
  }

  const giveUp = (decisions: ReadonlyMap<string, Decision>, nowMs: number): void => {
    for (const [id, waiter] of waiters) {
      const decision = decisions.get(waiter.kind)
      if (!decision) continue
      const mayWait = decision.ranked.length > 0 || isOnlyFull(decision)
      if (mayWait && nowMs < waiter.untilMs) continue
      waiters.delete(id)
      waiter.given({ decision, isOver: mayWait })
    }
  }

  /** Whoever is better off at a provider goes there as soon as it has room; what it takes is gone for the next. */
  const sendToTargets = (decisions: ReadonlyMap<string, Decision>, nowMs: number): void => {
    const line = [...waiters]
      .flatMap(([id, waiter]) => {
        const decision = decisions.get(waiter.kind)
        const best = decision?.ranked[0]
        if (!decision || best?.place.kind !== "target") return []
        const { source, sinceMs } = waiter
        return [{ id, waiter, decision, best, target: best.place.target, source, sinceMs }]
      })
      .sort((a, b) => a.sinceMs - b.sinceMs)
    while (line.length > 0) {
      const at = nextInLine(line, { nowMs, given: (source) => given.get(source) ?? 0 })
      for (const { id, waiter, decision, best, target } of line.splice(at, 1)) {
        if (!hasRoom(target)) continue
        waiters.delete(id)
        countGiven(waiter.source, best.place.model.id)
        waiter.granted(best, decision, false)
      }
    }
  }

  const countAhead = (choices: ReadonlyMap<string, readonly Choice[]>): void => {
    ahead = new Map()
    for (const { kind } of waiters.values()) {
      // Counted where it is loaded, else where it would be loaded first.
      const of = choices.get(kind) ?? []
      const held = of.filter(({ loadMs }) => loadMs === 0)
      for (const { host, model } of held.length > 0 ? held : of.slice(0, 1)) {
        const key = placeKey(host, model)
        ahead.set(key, (ahead.get(key) ?? 0) + 1)
      }
    }
  }

  const wakeAt = (againAtMs: number | null, nowMs: number): void => {
    let atMs = againAtMs ?? Infinity
    for (const { untilMs } of waiters.values()) atMs = Math.min(atMs, untilMs)
    if (waiters.size > 0 && atMs !== Infinity) cancel = clock.setTimeout(look, Math.max(1, atMs - nowMs))
  }

  return {
    demand,
    enter(waiter) {
      const id = next++
      begin(waiter.source)
      waiters.set(id, waiter)
      look()
      return () => {
        if (waiters.delete(id)) look()
      }
    },
    look,
    ahead: (host, model) => ahead.get(placeKey(host, model)) ?? 0,
    isSpoken: (host, model) =>
      waiters.size > 0 &&
      ((ahead.get(placeKey(host, model)) ?? 0) > 0 ||
        claims.some((claim) => claim.host === host && claim.evicts.includes(model))),
    waiting: () => waiters.size,
    isFull(asking) {
      if (waiters.size < MOST_OF_A_SOURCE) return false
      let own = 0
      for (const { source } of waiters.values()) if (source === asking) own += 1
      return own >= MOST_OF_A_SOURCE || waiters.size >= MOST_WAITING
    },
    stop() {
      cancel?.()
      cancel = null
    },
  }
}

function slotsIn(hosts: ReadonlyMap<string, QueueHost>): number {
  let slots = 0
  for (const { residents } of hosts.values()) slots += Math.max(1, ...residents.map((one) => one.slots))
  return slots
}

function evictsOf({ place }: Ranked): readonly string[] {
  return place.kind === "host" ? place.model.evicts : []
}

function lineOfChoices(choices: readonly Choice[]): string {
  return choices
    .map(({ host, model }) => placeKey(host, model))
    .sort()
    .join("\n\n")
}

function choicesOf({ ranked }: Decision, hosts: ReadonlyMap<string, QueueHost>): Choice[] {
  const own = ({ terms, handicapMs }: Ranked): number => terms.prefill + handicapMs
  const least = Math.min(...ranked.map(own))
  return ranked.flatMap((one): Choice[] => {
    const { place } = one
    if (place.kind !== "host") return []
    const isHeld = hosts.get(place.host.id)?.residents.some(({ model }) => model === place.model.id) ?? false
    return [
      {
        ...{ host: place.host.id, model: place.model.id, slots: place.model.slots },
        loadMs: isHeld ? 0 : Math.max(1, place.model.load.value),
        ...{ evicts: isHeld ? [] : place.model.evicts, handicapMs: own(one) - least },
      },
    ]
  })
}
