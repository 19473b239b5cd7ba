import type { Lane, Policy, World } from "./simulate.ts"
import type { Job } from "./trace.ts"

/** Work on a host and what waits there. */
function outstanding(world: World, host: number): number {
  let count = 0
  for (const lane of world.lanes) if (lane.host === host) count += lane.running.size + lane.queue.length
  return count
}

function least(world: World, hosts: readonly number[], of: (host: number) => number): number {
  let best = hosts[0] ?? 0
  for (const host of hosts) if (of(host) < of(best)) best = host
  return best
}

const all = (world: World): number[] => Array.from({ length: world.fleet.hosts }, (_, host) => host)

/**
 * What a llama-swap does with what was sent to it: a request for the loaded model passes at once when a slot is free;
 * one for another model waits until those at work have ended, then the oldest (or the one of highest priority) is
 * loaded for.
 */
function settleLane(world: World, lane: Lane, priority: (job: Job) => number): void {
  for (let index = 0; index < lane.queue.length && lane.running.size < world.fleet.slots;) {
    const job = lane.queue[index]
    if (job && job.model === lane.model) {
      lane.queue.splice(index, 1)
      world.start(lane, job)
    } else index += 1
  }
  if (lane.running.size > 0 || lane.queue.length === 0 || lane.readyAtMs > world.nowMs) return
  let first = lane.queue[0]
  for (const job of lane.queue) if (first && priority(job) > priority(first)) first = job
  if (!first || first.model === lane.model) return
  world.load(lane, first.model)
  settleLane(world, lane, priority)
}

interface Sending {
  name: string
  choose: (world: World, job: Job) => number
  priority?: (job: Job) => number
}

/** Sends each request on at once; the queue is the host's own. */
function sending({ name, choose, priority = () => 0 }: Sending): Policy {
  return {
    name,
    arrive: (world, job) => void world.laneOf(choose(world, job), job.model).queue.push(job),
    settle(world) {
      for (const lane of world.lanes) if (lane.queue.length > 0) settleLane(world, lane, priority)
    },
  }
}

const leastConnections = (world: World): number =>
  least(world, all(world), (host) => outstanding(world, host))

/** Where it is loaded, or will be by the end of what waits there; else where least is to do. */
function warmFirst(world: World, job: Job): number {
  const warm = world.lanesOf(job.model).filter((lane) => lane.model === job.model)
  if (warm.length === 0) return leastConnections(world)
  return least(
    world,
    warm.map(({ host }) => host),
    (host) => outstanding(world, host),
  )
}

/** Fills the first host up to its slots, then the next. */
function spillover(world: World, job: Job): number {
  const open = all(world).find((host) => {
    const lane = world.laneOf(host, job.model)
    return lane.running.size + lane.queue.length < world.fleet.slots
  })
  return open ?? leastConnections(world)
}

export function baselines(): Policy[] {
  let turn = 0
  return [
    sending({ name: "round-robin", choose: (world) => turn++ % world.fleet.hosts }),
    sending({ name: "least-connections", choose: leastConnections }),
    sending({ name: "warm-first", choose: warmFirst }),
    sending({ name: "spillover", choose: spillover }),
    sending({
      name: "priority",
      choose: leastConnections,
      priority: (job) => (job.source === "people" ? 2 : job.source === "boochat" ? 1 : 0),
    }),
  ]
}
