import { groupOf } from "./trace.ts"
import type { Fleet, Job } from "./trace.ts"

/** What one lane holds: a host has one per group of models that push one another out. */
export interface Lane {
  readonly host: number
  readonly group: number
  model: string | null
  /** Until then it loads; work may wait for it. */
  readyAtMs: number
  loadedAtMs: number
  readonly running: Map<number, { endsAtMs: number; model: string }>
  /** Sent here and not begun: what llama-swap's own queue holds. */
  readonly queue: Job[]
}

export interface Outcome {
  readonly job: Job
  readonly startMs: number
  readonly endMs: number
}

export interface World {
  readonly fleet: Fleet
  readonly lanes: readonly Lane[]
  nowMs: number
  swaps: number
  readonly done: Outcome[]
  lanesOf(model: string): readonly Lane[]
  laneOf(host: number, model: string): Lane
  /** Begins a load; whoever is there must have nothing in hand. */
  load(lane: Lane, model: string): void
  /** Gives a job a slot; it begins when the model is there. */
  start(lane: Lane, job: Job): void
  wakeAt(atMs: number): void
}

export interface Policy {
  readonly name: string
  arrive(world: World, job: Job): void
  /** After anything that happened. */
  settle(world: World): void
}

/** Runs a trace in virtual time. Everything that arrives is served. */
export function simulate(fleet: Fleet, jobs: readonly Job[], policy: Policy): World {
  const lanes: Lane[] = []
  for (let host = 0; host < fleet.hosts; host++) {
    for (let group = 0; group < fleet.groups; group++) {
      lanes.push({ host, group, model: null, readyAtMs: 0, loadedAtMs: 0, running: new Map(), queue: [] })
    }
  }
  const byGroup = Array.from({ length: fleet.groups }, (_, group) =>
    lanes.filter((lane) => lane.group === group),
  )
  const events = new Heap()
  const world: World = {
    ...{ fleet, lanes, nowMs: 0, swaps: 0, done: [] },
    lanesOf: (model) => byGroup[groupOf(model, fleet.groups)] ?? [],
    laneOf(host, model) {
      const lane = lanes[host * fleet.groups + groupOf(model, fleet.groups)]
      if (!lane) throw new Error("no such host")
      return lane
    },
    load(lane, model) {
      if (lane.running.size > 0) throw new Error(`${policy.name} pushes out work in hand`)
      lane.model = model
      lane.readyAtMs = world.nowMs + fleet.swapMs(model)
      lane.loadedAtMs = world.nowMs
      world.swaps += 1
      events.push(lane.readyAtMs, () => undefined)
    },
    start(lane, job) {
      if (lane.model !== job.model || lane.running.size >= fleet.slots)
        throw new Error(`${policy.name} has no slot`)
      const startMs = Math.max(world.nowMs, lane.readyAtMs)
      const endMs = startMs + job.serviceMs
      lane.running.set(job.id, { endsAtMs: endMs, model: job.model })
      events.push(endMs, () => {
        lane.running.delete(job.id)
        world.done.push({ job, startMs, endMs })
      })
    },
    wakeAt: (atMs) => events.push(Math.max(atMs, world.nowMs + 1), () => undefined),
  }
  let next = 0
  for (;;) {
    const arrivalMs = jobs[next]?.atMs ?? Infinity
    const eventMs = events.firstMs()
    if (arrivalMs === Infinity && eventMs === Infinity) return world
    if (arrivalMs <= eventMs) {
      world.nowMs = arrivalMs
      const job = jobs[next++]
      if (job) policy.arrive(world, job)
    } else {
      world.nowMs = eventMs
      while (events.firstMs() <= world.nowMs) events.pop()()
    }
    policy.settle(world)
  }
}

type Effect = () => void

/** Events by time, first in first out at the same time. */
class Heap {
  private readonly items: { atMs: number; order: number; effect: Effect }[] = []
  private order = 0

  firstMs(): number {
    return this.items[0]?.atMs ?? Infinity
  }

  push(atMs: number, effect: Effect): void {
    this.items.push({ atMs, order: this.order++, effect })
    let index = this.items.length - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.isBefore(index, parent)) break
      this.swap(index, parent)
      index = parent
    }
  }

  pop(): Effect {
    const first = this.items[0]
    const last = this.items.pop()
    if (!first || !last) return () => undefined
    if (this.items.length > 0) {
      this.items[0] = last
      let index = 0
      for (;;) {
        const left = index * 2 + 1
        let least = index
        if (left < this.items.length && this.isBefore(left, least)) least = left
        if (left + 1 < this.items.length && this.isBefore(left + 1, least)) least = left + 1
        if (least === index) break
        this.swap(index, least)
        index = least
      }
    }
    return first.effect
  }

  private isBefore(a: number, b: number): boolean {
    const [one, other] = [this.items[a], this.items[b]]
    if (!one || !other) return false
    return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
  }

  private swap(a: number, b: number): void {
    const [one, other] = [this.items[a], this.items[b]]
    if (!one || !other) return
    this.items[a] = other
    this.items[b] = one
  }
}
