import { createRandom } from "../../demo/src/random.ts"

/** One request of a trace; times in ms. */
export interface Job {
  readonly id: number
  readonly atMs: number
  readonly model: string
  readonly source: string
  /** How long it holds a slot, and how much of that is until its first token. */
  readonly serviceMs: number
  readonly prefillMs: number
}

export interface Fleet {
  readonly hosts: number
  /** Models a host holds at once: each model belongs to one group, and one of a group is loaded. */
  readonly groups: number
  readonly slots: number
  readonly models: number
  readonly swapMs: (model: string) => number
}

export type TrafficKind = "repeats" | "bursts" | "agents" | "mixed" | "adversarial"

export interface Scenario {
  readonly name: string
  readonly fleet: Fleet
  readonly kind: TrafficKind
  /** Offered work as a share of what all slots could do. */
  readonly load: number
  readonly jobs: number
  readonly seed: number
}

const SOURCES = ["boochat", "boocoder", "batch", "people"] as const

export function fleetOf(hosts: number, groups: number, models: number): Fleet {
  // 10 to 40 s, by the size a model is given by its place.
  const swapMs = (model: string): number => 10_000 + ((Number(model.slice(1)) * 7919) % 31) * 1000
  return { hosts, groups, slots: 4, models, swapMs }
}

export const groupOf = (model: string, groups: number): number => Number(model.slice(1)) % groups

/** The requests of a scenario: the same for every policy. */
export function traceOf({ fleet, kind, load, jobs, seed }: Scenario): Job[] {
  const random = createRandom(seed)
  const model = zipf(fleet.models, 1.1, random.next)
  const exponential = (mean: number): number => -Math.log(1 - random.next()) * mean
  const list: Omit<Job, "id">[] = []
  const service = (): { serviceMs: number; prefillMs: number } => {
    const serviceMs = random.between(3000, 15_000)
    return { serviceMs, prefillMs: serviceMs * random.between(0.03, 0.15) }
  }
  const meanService = 9000
  const perMs = (load * fleet.hosts * fleet.groups * fleet.slots) / meanService
  let atMs = 0
  let last = model()
  const add = (at: number, name: string, source: string): void =>
    void list.push({ atMs: at, model: name, source, ...service() })

  const repeats = (): void => {
    atMs += exponential(1 / perMs)
    if (!random.chance(0.6)) last = model()
    add(atMs, last, random.pick(SOURCES))
  }
  const burst = (): void => {
    const size = random.integer(4, 16)
    atMs += exponential(size / perMs)
    const name = model()
    const source = random.pick(SOURCES)
    for (let n = 0; n < size; n++) add(atMs + random.between(0, 4000), name, source)
  }
  /** Turns of one agent: it thinks, calls a tool, comes back to the same model. */
  const agent = (): void => {
    const turns = random.integer(5, 20)
    atMs += exponential(turns / perMs)
    const name = model()
    let turnMs = atMs
    for (let n = 0; n < turns; n++) {
      add(turnMs, name, "boocoder")
      turnMs += random.between(6000, 30_000)
    }
  }
  /** Every model in turn, none twice in a row: what thrashes a fleet most. */
  let next = 0
  const adversary = (): void => {
    atMs += exponential(1 / perMs)
    add(atMs, `m${next % fleet.models}`, SOURCES[next % 4] ?? "people")
    next += 1
  }
  const makers = { repeats: [repeats], bursts: [burst], agents: [agent], adversarial: [adversary] }
  const used =
    kind === "mixed" ? [repeats, repeats, repeats, repeats, repeats, repeats, burst, agent] : makers[kind]
  while (list.length < jobs) (used[random.integer(0, used.length - 1)] ?? repeats)()
  return list
    .sort((a, b) => a.atMs - b.atMs)
    .slice(0, jobs)
    .map((job, id) => ({ id, ...job }))
}

function zipf(models: number, exponent: number, next: () => number): () => string {
  const weights = Array.from({ length: models }, (_, rank) => 1 / (rank + 1) ** exponent)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return () => {
    let left = next() * total
    for (let rank = 0; rank < models; rank++) {
      left -= weights[rank] ?? 0
      if (left <= 0) return `m${rank}`
    }
    return "m0"
  }
}
