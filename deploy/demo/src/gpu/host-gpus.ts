import type { Clock } from "../clock.ts"
import type { GpuNow } from "../engine/performance.ts"
import type { ModelProcess } from "../engine/process.ts"
import type { Random } from "../random.ts"
import type { HostScenario } from "../scenario.ts"
import { gpuKind } from "./kinds.ts"
import { type GpuLoad, type GpuReading, idleReading, stepGpu } from "./physics.ts"
import type { NvidiaSmiState } from "./nvidia-smi.ts"

/** Of GPU 0, for the desktop that a Windows host shows. */
const DESKTOP_MIB = 1180

export interface HostGpus {
  step(): void
  now(): GpuNow[]
  state(): NvidiaSmiState
}

/** The cards of one host: they follow what the model processes hold and do. */
export function createHostGpus(parts: {
  scenario: HostScenario
  clock: Clock
  random: Random
  processes: ReadonlyMap<string, ModelProcess>
}): HostGpus {
  const { scenario, clock, random, processes } = parts
  const cards = scenario.gpus.map((name, index) => {
    const kind = gpuKind(name)
    return {
      index,
      kind,
      uuid: `GPU-${hex(random, 8)}-${hex(random, 4)}-${hex(random, 4)}-${hex(random, 4)}-${hex(random, 12)}`,
      busId: `00000000:${(index * 32 + 1).toString(16).padStart(2, "0").toUpperCase()}:00.0`,
      serial: String(random.integer(1_320_000_000_000, 1_659_999_999_999)),
    }
  })
  let readings: GpuReading[] = cards.map((card) => idleReading(card.kind))
  let steppedAt = clock.now()
  const pids = new Map<string, number>()

  function loads(): GpuLoad[] {
    const result = cards.map((_, index) => ({
      prefill: 0,
      decode: 0,
      loading: 0,
      memoryMib: scenario.os === "windows" && index === 0 ? DESKTOP_MIB : 0,
      processes: 0,
    }))
    for (const process of processes.values()) {
      const work = process.llama.meter.take()
      const share = process.memoryShare()
      if (share === 0) continue
      process.model.vram_mib.forEach((mib, index) => {
        const load = result[index]
        if (!load || mib === 0) return
        load.prefill += work.prefill
        load.decode += work.decode
        if (process.state === "starting") load.loading = 1
        load.memoryMib += mib * share
        load.processes++
      })
    }
    return result
  }

  function pidOf(process: ModelProcess): number {
    const known = pids.get(process.model.id)
    if (known) return known
    const pid = random.integer(2000, 64_000)
    pids.set(process.model.id, pid)
    return pid
  }

  return {
    step() {
      const ms = clock.now() - steppedAt
      steppedAt = clock.now()
      const now = loads()
      readings = cards.map((card, index) => {
        const load = now[index]
        const before = readings[index] ?? idleReading(card.kind)
        return load ? stepGpu(card.kind, before, { load, ms, noise: random.between(-1, 1) }) : before
      })
    },
    now: () =>
      cards.map((card, index) => ({
        index,
        name: card.kind.name,
        uuid: card.uuid,
        memoryTotalMib: card.kind.memoryMib,
        hasFan: card.kind.hasFan,
        reading: readings[index] ?? idleReading(card.kind),
      })),
    state() {
      for (const process of processes.values()) if (process.state === "stopped") pids.delete(process.model.id)
      const apps = [...processes.values()].flatMap((process) => {
        const share = process.memoryShare()
        if (share === 0) return []
        return cards.flatMap((card, index) => {
          const mib = process.model.vram_mib[index] ?? 0
          return mib > 0 ? [{ gpu: card.index, pid: pidOf(process), usedMib: Math.round(mib * share) }] : []
        })
      })
      return {
        os: scenario.os,
        driver: scenario.driver,
        cuda: scenario.cuda,
        misbehave: null,
        apps,
        gpus: cards.map((card, index) => ({
          ...card,
          reading: readings[index] ?? idleReading(card.kind),
        })),
      }
    },
  }
}

function hex(random: Random, digits: number): string {
  return Array.from({ length: digits }, () => random.integer(0, 15).toString(16)).join("")
}
