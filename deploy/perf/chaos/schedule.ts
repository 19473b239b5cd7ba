import { setTimeout as delay } from "node:timers/promises"
import type { Random } from "../../demo/src/random.ts"
import { HOST_FAULTS } from "./faults/hosts.ts"
import { SERVER_FAULTS } from "./faults/servers.ts"
import type { Fault, HostFault, ServerFault, World } from "./faults/fault.ts"
import type { ChaosHost, Fleet } from "./fleet.ts"
import type { ChaosOptions } from "./options.ts"

/** One fault that was applied: to one host, or to all of them. */
export interface Application {
  fault: string
  host: string | null
  fromMs: number
  toMs: number
}

const FAULTS: readonly Fault[] = [...SERVER_FAULTS, ...HOST_FAULTS]

export function chosenFaults({ only }: ChaosOptions): readonly Fault[] {
  const chosen = FAULTS.filter(({ name, onlyByName = false }) =>
    onlyByName ? only.includes(name) : only.length === 0 || only.some((one) => name.startsWith(one)),
  )
  if (chosen.length === 0)
    throw new TypeError(`no such fault; there are: ${FAULTS.map(({ name }) => name).join(" ")}`)
  return chosen
}

interface Planned<F> {
  fault: F
  atMs: number
}

/** Every fault so many times, at random moments: servers of a kind one after the other, hosts side by side. */
export async function applyFaults(world: World, fleet: Fleet): Promise<Application[]> {
  const { options, random } = world
  const applied: Application[] = []
  const startMs = Date.now()
  const chosen = chosenFaults(options)

  async function apply(fault: string, host: ChaosHost | null, work: () => Promise<void>): Promise<void> {
    const fromMs = Date.now()
    await work()
    const toMs = Date.now()
    applied.push({ fault, host: host?.id ?? null, fromMs, toMs })
    const atS = ((fromMs - startMs) / 1000).toFixed(1)
    console.log(
      `${atS.padStart(7)} s  ${fault.padEnd(24)} ${(host?.id ?? "").padEnd(5)} ${((toMs - fromMs) / 1000).toFixed(1)} s`,
    )
  }

  const lanes = (["hub", "nats", "database"] as const).map(async (of) => {
    const faults = chosen.filter((fault): fault is ServerFault => fault.of === of)
    for (const { fault, atMs } of plan(faults, options, random)) {
      await until(startMs + atMs)
      await apply(fault.name, null, () => fault.apply(world))
    }
  })
  const hostFaults = chosen.filter((fault): fault is HostFault => fault.of === "host")
  const ofHosts = plan(hostFaults, options, random).map(async ({ fault, atMs }) => {
    await until(startMs + atMs)
    const host = await freeHost(fault, fleet, random)
    if (!host) return
    try {
      await apply(fault.name, host, () => fault.apply(world, host))
    } finally {
      host.busy = false
    }
  })
  await Promise.all([...lanes, ...ofHosts])
  return applied
}

function plan<F>(faults: readonly F[], { rounds, minutes }: ChaosOptions, random: Random): Planned<F>[] {
  const planned = faults.flatMap((fault) =>
    Array.from({ length: rounds }, () => ({ fault, atMs: random.between(0, minutes * 60_000) })),
  )
  return planned.sort((a, b) => a.atMs - b.atMs)
}

async function until(atMs: number): Promise<void> {
  const waitMs = atMs - Date.now()
  if (waitMs > 0) await delay(waitMs)
}

/** A host that nothing is being done to; null where no host can have this done to it. */
async function freeHost(fault: HostFault, { hosts }: Fleet, random: Random): Promise<ChaosHost | null> {
  const suitable = hosts.filter((host) => fault.suits?.(host) ?? true)
  if (suitable.length === 0) return null
  for (;;) {
    const [first, ...rest] = suitable.filter((host) => !host.busy)
    if (first) {
      const host = random.pick([first, ...rest])
      host.busy = true
      return host
    }
    await delay(200)
  }
}
