import { fleetOf } from "./trace.ts"
import type { Scenario, TrafficKind } from "./trace.ts"

/**
 * Share of what all slots could answer that is called the capacity of a fleet: the rest is for loads and for draining
 * what has to go before them. Above it no order of serving keeps up for long.
 */
const CAPACITY = 0.8

export const LEVELS = { light: 0.12, moderate: 0.3, half: 0.5, contended: 0.7, full: 0.9 } as const
export type Level = keyof typeof LEVELS

export interface Case {
  readonly scenario: Scenario
  readonly level: Level
}

interface Shape {
  hosts: number
  groups: number
  models: number
  jobs: number
  kinds: readonly TrafficKind[]
}

/** Hosts, models that a host holds at once, models. */
const SHAPES: readonly Shape[] = [
  { hosts: 3, groups: 1, models: 5, jobs: 900, kinds: ["mixed", "agents"] },
  { hosts: 4, groups: 1, models: 6, jobs: 1000, kinds: ["mixed", "agents", "bursts", "adversarial"] },
  { hosts: 4, groups: 2, models: 12, jobs: 1200, kinds: ["mixed", "agents"] },
  { hosts: 8, groups: 1, models: 12, jobs: 1200, kinds: ["mixed", "agents"] },
  { hosts: 20, groups: 1, models: 30, jobs: 1500, kinds: ["mixed"] },
  { hosts: 50, groups: 1, models: 60, jobs: 2000, kinds: ["mixed"] },
]

export function cases(seed: number): Case[] {
  const found: Case[] = []
  for (const { hosts, groups, models, jobs, kinds } of SHAPES) {
    for (const kind of kinds) {
      for (const [level, share] of Object.entries(LEVELS) as [Level, number][]) {
        const place = groups === 1 ? `${hosts} hosts` : `${hosts} hosts x ${groups}`
        const name = `${place}, ${models} models, ${kind}`
        const fleet = fleetOf(hosts, groups, models)
        found.push({ level, scenario: { name, fleet, kind, load: share * CAPACITY, jobs, seed } })
      }
    }
  }
  return found
}
