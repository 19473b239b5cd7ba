import { planQueue } from "../../../hub/src/routing/core/queue.ts"
import type { Choice, Claim, QueueHost, Waiting } from "../../../hub/src/routing/core/queue.ts"
import { demandMeter } from "../../../hub/src/routing/core/demand.ts"
import type { Policy, World } from "./simulate.ts"
import type { Job } from "./trace.ts"

/** The product's own queue in front of simulated hosts: it is told what a hub would know, and nothing of the trace. */
export function fleetQueue(name = "fleet queue"): Policy {
  let waiting: Waiting[] = []
  const jobs = new Map<number, Job>()
  const demand = demandMeter()
  const given = new Map<string, number>()
  const choicesAt = new Map<string, Choice[]>()
  let claims: readonly Claim[] = []
  let dirtyAt = -1
  let told = 0
  let wakeAtMs = 0

  const choices = (world: World, model: string): readonly Choice[] => {
    if (dirtyAt !== world.nowMs) {
      choicesAt.clear()
      dirtyAt = world.nowMs
    }
    const known = choicesAt.get(model)
    if (known) return known
    const made = world.lanesOf(model).map((lane) => ({
      ...{ host: String(lane.host), model, slots: world.fleet.slots, handicapMs: 0 },
      loadMs: lane.model === model ? 0 : world.fleet.swapMs(model),
      evicts: lane.model === null || lane.model === model ? [] : [lane.model],
    }))
    choicesAt.set(model, made)
    return made
  }

  const hosts = (world: World): Map<string, QueueHost> => {
    const list = new Map<string, { id: string; residents: QueueHost["residents"][number][] }>()
    for (const lane of world.lanes) {
      const id = String(lane.host)
      const host = list.get(id) ?? { id, residents: [] }
      list.set(id, host)
      if (lane.model === null) continue
      const isLoading = lane.readyAtMs > world.nowMs
      // A hub knows when requests began and how long such take, not when they will end.
      const meanMs = demand.serviceMs(lane.model)
      const restMs = (lane.running.size === 0 ? 0 : meanMs) + Math.max(0, lane.readyAtMs - world.nowMs)
      host.residents.push({
        ...{ model: lane.model, state: isLoading ? "loading" : "ready", slots: world.fleet.slots },
        ...{ busy: lane.running.size, sinceMs: Math.max(lane.loadedAtMs, isLoading ? 0 : lane.readyAtMs) },
        freeInMs:
          lane.running.size < world.fleet.slots && !isLoading ? 0 : restMs / Math.max(1, lane.running.size),
        idleInMs: restMs,
      })
    }
    return list
  }

  return {
    name,
    arrive(world, job) {
      demand.asked(job.model, world.nowMs)
      jobs.set(job.id, job)
      waiting.push({ id: job.id, source: job.source, sinceMs: job.atMs, group: job.model })
    },
    settle(world) {
      while (told < world.done.length) {
        const outcome = world.done[told++]
        if (outcome) demand.served(outcome.job.model, outcome.endMs - outcome.startMs)
      }
      if (waiting.length === 0) return
      const slots = world.fleet.hosts * world.fleet.groups * world.fleet.slots
      const plan = planQueue({
        ...{ nowMs: world.nowMs, waiting, hosts: hosts(world), claims },
        choices: (group) => choices(world, group),
        demand: (model) => demand.perMs(model, world.nowMs),
        serviceMs: demand.serviceMs,
        given: (source) => given.get(source) ?? 0,
        utilisation: Math.min(0.95, demand.workPerMs(world.nowMs) / slots),
      })
      claims = plan.claims
      for (const grant of plan.grants) {
        const job = jobs.get(grant.id)
        if (!job) throw new Error("granted twice")
        jobs.delete(grant.id)
        given.set(job.source, (given.get(job.source) ?? 0) + demand.serviceMs(job.model))
        const lane = world.laneOf(Number(grant.host), grant.model)
        if (lane.model !== grant.model) world.load(lane, grant.model)
        world.start(lane, job)
      }
      if (plan.grants.length > 0) {
        dirtyAt = -1
        waiting = waiting.filter(({ id }) => jobs.has(id))
      }
      if (plan.againAtMs !== null && (wakeAtMs <= world.nowMs || plan.againAtMs < wakeAtMs)) {
        wakeAtMs = plan.againAtMs
        world.wakeAt(wakeAtMs)
      }
    },
  }
}
