import { QueueBoard } from "./queue-board.ts"
import type { OpenResident } from "./queue-board.ts"
import type { Choice, Grant, QueuePlan, Situation, Waiting } from "./queue-types.ts"

export type * from "./queue-types.ts"

/** Turns are this many loads, and more the busier the fleet: what is left for work is turn / (turn + load). */
const SHORTEST_TURN = 9
const LONGEST_TURN = 15
/**
 * In a busy fleet a free host is taken from others only when those who wait have waited together for so many times what
 * the load is expected to cost the others, or the first of them for so many loads. Others join them meanwhile.
 */
const HOLD_SHARE = 2
const HOLD_LOADS = 3
/** At this utilisation and above they count in full; an empty fleet holds nobody up. */
const BUSY = 0.45
/** A second host must save those who wait so many times what its load costs. */
const SECOND_HOST = 8
/** A busy host is taken from others when those who wait have waited together for so many turns' worth of loads. */
const DRAIN = 3
/** Those who wait behind a holder do so for as many loads before a busy host is taken for them. */
const PATIENCE_LOADS = 8
/** Whoever has waited longer goes before everyone, whatever the sources have had. */
const OVERDUE_MS = 60_000

/** How long a model keeps its host while others wait for it. */
export function turnMs(loadMs: number, utilisation: number): number {
  const spare = Math.max(0.02, 1 - utilisation)
  return loadMs * Math.min(LONGEST_TURN, Math.max(SHORTEST_TURN, (2 * utilisation) / spare))
}

/**
 * No request waits longer, as long as the fleet can keep up: a turn before it may take a host, then one turn of each
 * model that shares the host with its own, each with the end of what is at work and a load.
 */
export function waitBoundMs(around: {
  loadMs: number
  serviceMs: number
  utilisation: number
  modelsPerPlace: number
}): number {
  const turn = turnMs(around.loadMs, around.utilisation)
  return turn + Math.max(1, Math.ceil(around.modelsPerPlace)) * (turn + around.serviceMs + around.loadMs)
}

/**
 * The fleet queue: which waiting request goes where now, and which had better wait.
 *
 * 1. What is loaded and has a free slot takes who waits for it: overdue ones first, then whose source was given least.
 * 2. A model that nobody holds is loaded where nothing is in its way and the loss is smallest. In a busy fleet not at
 *    once: a load that costs others more than these have waited yet is held, and others join it meanwhile.
 * 3. A model whose holders are full gets a second host when that saves those who wait a lot more than the load costs.
 * 4. Where every host is busy with something else, one of them is claimed: it takes nothing new and is drained. It
 *    must have served for a turn first. The busier the fleet, the longer a turn: loading must fit into what is spare.
 */
export function planQueue(situation: Situation): QueuePlan {
  const planner = new Planner(situation)
  return planner.plan()
}

/** Whose turn it is, of those who wait in order of arrival: who is overdue, else who asks for the source given least. */
export function nextInLine(
  waiting: readonly Pick<Waiting, "source" | "sinceMs">[],
  { nowMs, given }: { nowMs: number; given: (source: string) => number },
): number {
  const oldest = waiting[0]
  if (!oldest || nowMs - oldest.sinceMs > OVERDUE_MS) return 0
  let best = 0
  let least = Infinity
  const seen = new Set<string>()
  for (const [index, { source }] of waiting.entries()) {
    if (seen.has(source)) continue
    seen.add(source)
    const had = given(source)
    if (had >= least) continue
    least = had
    best = index
  }
  return best
}

interface Asking {
  readonly group: string
  readonly waiting: Waiting[]
  readonly choices: readonly Choice[]
  readonly holders: readonly Choice[]
  /** Together, and the oldest of them. */
  readonly waitedMs: number
  readonly oldestMs: number
}

class Planner {
  private readonly s: Situation
  private readonly board: QueueBoard
  private readonly groups = new Map<string, Waiting[]>()
  private readonly grants: Grant[] = []
  private readonly given = new Map<string, number>()
  private readonly wanted = new Set<string>()
  private againAtMs: number | null = null

  constructor(situation: Situation) {
    this.s = situation
    for (const one of situation.waiting) {
      const group = this.groups.get(one.group)
      if (group) group.push(one)
      else this.groups.set(one.group, [one])
    }
    const claims = situation.claims.filter(({ group }) => this.groups.has(group))
    this.board = new QueueBoard(situation, claims)
  }

  plan(): QueuePlan {
    for (const group of this.groups.keys()) this.takeSlots(group)
    for (const group of this.groups.keys())
      for (const { model } of this.s.choices(group)) this.wanted.add(model)
    const oldestFirst = [...this.groups].sort(([, a], [, b]) => (a[0]?.sinceMs ?? 0) - (b[0]?.sinceMs ?? 0))
    for (const [group] of oldestFirst) this.useClaim(group)
    for (const [group] of oldestFirst) this.findHost(group)
    return { grants: this.grants, claims: this.board.claims, againAtMs: this.againAtMs }
  }

  private takeSlots(group: string): void {
    const waiting = this.groups.get(group) ?? []
    for (const { choice, resident } of this.board.open(this.s.choices(group), group)) {
      while (resident.busy < resident.slots && waiting.length > 0) this.grant(waiting, choice, resident)
    }
    if (waiting.length === 0) this.groups.delete(group)
  }

  private grant(waiting: Waiting[], choice: Choice, resident: OpenResident): void {
    const given = (source: string): number => this.s.given(source) + (this.given.get(source) ?? 0)
    const [one] = waiting.splice(nextInLine(waiting, { nowMs: this.s.nowMs, given }), 1)
    if (!one) return
    resident.busy += 1
    this.given.set(one.source, (this.given.get(one.source) ?? 0) + this.s.serviceMs(choice.model))
    this.grants.push({ id: one.id, host: choice.host, model: choice.model, isLoad: false })
  }

  /** A claimed host that is drained is loaded for whom it was claimed. */
  private useClaim(group: string): void {
    const claim = this.board.claims.find((one) => one.group === group)
    if (!claim) return
    const choice = this.s.choices(group).find((one) => one.host === claim.host && one.model === claim.model)
    if (choice && !this.isFree(choice)) return
    this.board.drop(claim)
    if (choice) this.load(group, choice)
  }

  private findHost(group: string): void {
    const asking = this.askingOf(group)
    if (!asking || this.board.claims.some((claim) => claim.group === group)) return
    const { choices, holders, waiting, waitedMs, oldestMs } = asking
    const free = this.cheapest(choices, (choice) => (this.isFree(choice) ? this.costOf(choice) : null))
    if (free && holders.length === 0) {
      const busy = Math.min(1, (this.s.utilisation / BUSY) ** 2)
      const price = this.lossOf(free) * HOLD_SHARE * busy
      const longestMs = free.loadMs * HOLD_LOADS * busy
      const holdMs = Math.min((price - waitedMs) / waiting.length, longestMs - oldestMs)
      if (holdMs > 0) this.askAgain(holdMs)
      else this.load(group, free)
      return
    }
    if (free && this.savedBy(asking, free.loadMs) > (this.lossOf(free) + free.loadMs) * SECOND_HOST) {
      this.load(group, free)
      return
    }
    const patienceMs = PATIENCE_LOADS * Math.max(0, ...choices.map(({ loadMs }) => loadMs))
    if (holders.length > 0 && this.board.slotInMs(holders, waiting.length) <= patienceMs) return
    this.claimFor(asking)
  }

  private askingOf(group: string): Asking | null {
    const waiting = this.groups.get(group)
    const first = waiting?.[0]
    if (!waiting || !first) return null
    const choices = this.s.choices(group)
    return {
      ...{ group, waiting, choices },
      holders: choices.filter(({ host, model }) => this.board.residentOf(host, model) !== null),
      waitedMs: waiting.reduce((sum, { sinceMs }) => sum + this.s.nowMs - sinceMs, 0),
      oldestMs: this.s.nowMs - first.sinceMs,
    }
  }

  private claimFor({ group, choices, waiting, waitedMs, oldestMs }: Asking): void {
    const best = this.cheapest(choices, (choice) => {
      const residents = this.board.inTheWay(choice)
      if (residents.length === 0) return null
      const turn = turnMs(choice.loadMs, this.s.utilisation)
      const servedMs = Math.min(...residents.map(({ sinceMs }) => this.s.nowMs - sinceMs))
      // Nobody waits for what is there: it only finishes what it has in hand. Else it keeps its turn.
      const isWanted = residents.some(({ model }) => this.wanted.has(model))
      const price = (this.lossOf(choice) / choice.loadMs + 1) * DRAIN * turn
      const heldMs = Math.min((price - waitedMs) / waiting.length, turn - oldestMs)
      const dueInMs = Math.max(isWanted ? turn - servedMs : 0, heldMs)
      if (dueInMs > 0) this.askAgain(dueInMs)
      return dueInMs > 0 ? null : this.costOf(choice) + Math.max(...residents.map(({ idleInMs }) => idleInMs))
    })
    if (best) this.board.claim({ host: best.host, model: best.model, evicts: best.evicts, group })
  }

  private cheapest(choices: readonly Choice[], costOf: (choice: Choice) => number | null): Choice | null {
    let best: Choice | null = null
    let least = Infinity
    for (const choice of choices) {
      if (this.board.residentOf(choice.host, choice.model) || this.board.isTaken(choice)) continue
      const cost = costOf(choice)
      if (cost === null || cost >= least) continue
      best = choice
      least = cost
    }
    return best
  }

  private load(group: string, choice: Choice): void {
    const waiting = this.groups.get(group) ?? []
    const loading = this.board.load(choice)
    const from = this.grants.length
    while (loading.busy < loading.slots && waiting.length > 0) this.grant(waiting, choice, loading)
    const first = this.grants[from]
    if (first) this.grants[from] = { ...first, isLoad: true }
    if (waiting.length === 0) this.groups.delete(group)
  }

  private isFree(choice: Choice): boolean {
    if (this.board.hasChanged(choice.host)) {
      this.askAgain(1)
      return false
    }
    return this.board.isFree(choice)
  }

  private costOf(choice: Choice): number {
    return this.lossOf(choice) + choice.handicapMs + choice.loadMs
  }

  /** What others are expected to lose, ms of waiting: those who come back for what goes, unless another holds it too. */
  private lossOf(choice: Choice): number {
    let loss = 0
    for (const model of choice.evicts) {
      const comesBack = 1 - Math.exp(-this.s.demand(model) * 3 * choice.loadMs)
      loss += (comesBack * choice.loadMs * 2) / this.board.copiesOf(model) ** 2
    }
    return loss
  }

  /** What those who wait would save together by a second host that is there after `loadMs`. */
  private savedBy({ holders, waiting }: Asking, loadMs: number): number {
    const firstMs = this.board.slotInMs(holders, 1)
    if (firstMs === Infinity) return Infinity
    const stepMs = this.board.slotInMs(holders, 2) - firstMs
    // Of an arithmetic series those that lie above: the nth waits firstMs + (n - 1) * stepMs.
    const before = firstMs > loadMs ? 0 : stepMs > 0 ? Math.ceil((loadMs - firstMs) / stepMs) : waiting.length
    const count = waiting.length - before
    if (count <= 0) return 0
    return count * (firstMs + ((before + waiting.length - 1) / 2) * stepMs - loadMs)
  }

  private askAgain(inMs: number): void {
    const atMs = this.s.nowMs + Math.max(1, Math.ceil(inMs))
    this.againAtMs = this.againAtMs === null ? atMs : Math.min(this.againAtMs, atMs)
  }
}
