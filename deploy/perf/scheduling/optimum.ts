import { groupOf } from "./trace.ts"
import type { Fleet, Job } from "./trace.ts"

/**
 * No schedule of a trace, whatever it knows of the future, needs fewer loads than this, if no request may wait longer
 * than `waitMs`. Everything else is made easier than it is: loading and answering take no time, and slots never end.
 * Exact for that easier task: all sets of loaded models are followed, and of equal ones only the cheapest is kept.
 */
export function fewestLoads(fleet: Fleet, jobs: readonly Job[], waitMs: number): number {
  let total = 0
  for (let group = 0; group < fleet.groups; group++) {
    const own = jobs.filter((job) => groupOf(job.model, fleet.groups) === group)
    total += fewestOf(own, fleet.hosts, waitMs)
  }
  return total
}

/** Loaded models, and by when each of the others has to be loaded because somebody waits for it. */
interface State {
  readonly loaded: readonly string[]
  readonly due: ReadonlyMap<string, number>
  readonly loads: number
}

function fewestOf(jobs: readonly Job[], hosts: number, waitMs: number): number {
  let states = new Map<string, State>()
  keep(states, { loaded: [], due: new Map(), loads: 0 })
  for (const { atMs, model } of jobs) {
    // A load may wait until its last moment, and is never needed earlier: so the only moments are the due ones.
    states = pastDue(states, atMs, hosts)
    const next = new Map<string, State>()
    for (const state of states.values()) {
      if (state.loaded.includes(model) || state.due.has(model)) keep(next, state)
      else keep(next, { ...state, due: new Map(state.due).set(model, atMs + waitMs) })
    }
    states = cheapEnough(next, hosts)
  }
  return Math.min(...[...pastDue(states, Infinity, hosts).values()].map(({ loads }) => loads))
}

/** From the cheapest state any other is reached by loading what it has: dearer ones by more than that cannot win. */
function cheapEnough(states: Map<string, State>, hosts: number): Map<string, State> {
  const least = Math.min(...[...states.values()].map(({ loads }) => loads))
  return new Map([...states].filter(([, { loads }]) => loads <= least + hosts))
}

function pastDue(states: Map<string, State>, nowMs: number, hosts: number): Map<string, State> {
  const settled = new Map<string, State>()
  const open = [...states.values()]
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    let first: [string, number] | null = null
    for (const entry of state.due) if (first === null || entry[1] < first[1]) first = entry
    if (first === null || first[1] >= nowMs) {
      keep(settled, state)
      continue
    }
    for (const after of loading(state, first[0], hosts)) open.push(after)
  }
  return settled
}

/**
 * Somebody has to be loaded now: in place of any other. At the same moment, and in the same place before it, any of
 * those who wait may be loaded and served as well: a load each that does not stay.
 */
function loading(state: State, model: string, hosts: number): State[] {
  const others = [...state.due.keys()].filter((one) => one !== model)
  const stays = (out: string | null, due: ReadonlyMap<string, number>, loads: number): State => ({
    loaded: [...state.loaded.filter((one) => one !== out), model].sort(),
    ...{ due, loads },
  })
  const after: State[] = []
  for (let served = 0; served < 2 ** others.length; served++) {
    const now = new Set([model, ...others.filter((_, index) => (served >> index) & 1)])
    const due = new Map([...state.due].filter(([one]) => !now.has(one)))
    const loads = state.loads + now.size
    if (state.loaded.length < hosts) after.push(stays(null, due, loads))
    else for (const out of state.loaded) after.push(stays(out, due, loads))
  }
  return after
}

function keep(states: Map<string, State>, state: State): void {
  const due = [...state.due].sort(([a], [b]) => (a < b ? -1 : 1)).map(([model, atMs]) => `${model}@${atMs}`)
  const key = `${state.loaded.join(",")}|${due.join(",")}`
  const known = states.get(key)
  if (!known || state.loads < known.loads) states.set(key, state)
}
