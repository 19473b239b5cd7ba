import type { GpuReading } from "../gpu/physics.ts"
import type { Random } from "../random.ts"
import type { HostScenario } from "../scenario.ts"
import { parseRfc3339, rfc3339 } from "../timestamp.ts"

const RING_MS = 3_600_000

export interface GpuNow {
  index: number
  name: string
  uuid: string
  memoryTotalMib: number
  hasFan: boolean
  reading: GpuReading
}

interface SystemSample {
  timestamp: string
  cpu_util_per_core: number[]
  mem_total_mb: number
  mem_used_mb: number
  mem_free_mb: number
  swap_total_mb: number
  swap_used_mb: number
  load_avg_1: number
  load_avg_5: number
  load_avg_15: number
  net_io: { name: string; bytes_recv: number; bytes_sent: number }[]
}

type GpuSample = ReturnType<typeof gpuSample>

interface Stamped<T> {
  at: number
  sample: T
}

/** llama-swap's own sampling: every 5 s, an hour of it, each GPU line a sample of its own that can get lost. */
export function createPerformanceMonitor(scenario: HostScenario, random: Random) {
  const everyMs = scenario.performance.every_s * 1000
  const capacity = Math.floor(RING_MS / everyMs)
  let systems: Stamped<SystemSample>[] = []
  let cards: Stamped<GpuSample>[] = []
  let received = 4_000_000_000
  let sent = 900_000_000

  function push<T>(ring: T[], item: T) {
    ring.push(item)
    if (ring.length > capacity) ring.shift()
  }

  return {
    everyMs,
    sample(now: number, host: { gpus: GpuNow[]; busy: number; usedMemoryMib: number }) {
      received += random.integer(20_000, 900_000)
      sent += random.integer(20_000, 700_000)
      const total = Math.round(scenario.memory_gib * 1024)
      const load = scenario.os === "windows" ? 0 : 0.3 + host.busy * 1.6 + random.between(0, 0.3)
      const sample: SystemSample = {
        timestamp: rfc3339(now, scenario.utc_offset_minutes, "nanoseconds"),
        cpu_util_per_core: Array.from({ length: scenario.cores }, (_, core) =>
          round(Math.min(100, (core === 0 ? host.busy * 92 : 3) + random.between(0, 6))),
        ),
        mem_total_mb: total,
        mem_used_mb: Math.min(total, Math.round(host.usedMemoryMib)),
        mem_free_mb: Math.max(0, total - Math.round(host.usedMemoryMib)),
        swap_total_mb: 2048,
        swap_used_mb: 12,
        load_avg_1: round(load),
        load_avg_5: round(load * 0.9),
        load_avg_15: round(load * 0.8),
        net_io: [
          { name: scenario.os === "windows" ? "Ethernet" : "enp5s0", bytes_recv: received, bytes_sent: sent },
        ],
      }
      push(systems, { at: now, sample })
      if (!scenario.performance.gpu) return
      for (const gpu of host.gpus) {
        // Each line of nvidia-smi is its own snapshot, a few milliseconds after the other.
        const at = now + 3 + gpu.index * 11
        if (host.gpus.length > 1 && random.chance(scenario.performance.drop_chance)) continue
        push(cards, { at, sample: gpuSample(gpu, rfc3339(at, scenario.utc_offset_minutes, "nanoseconds")) })
      }
    },
    /** null = the `after` is not a time. */
    page(after: string | null) {
      if (after === null || after === "") {
        return { gpu_stats: orNull(samples(cards)), sys_stats: orNull(samples(systems)) }
      }
      const since = parseRfc3339(after)
      if (since === null) return null
      return { gpu_stats: samples(cards, since), sys_stats: samples(systems, since) }
    },
    /** The newest of the system and of each card. */
    latest() {
      const newest = new Map(cards.map(({ sample }) => [sample.id, sample]))
      return { system: systems.at(-1)?.sample ?? null, gpus: [...newest.values()] }
    },
    clear() {
      systems = []
      cards = []
    },
  }
}

export type PerformanceMonitor = ReturnType<typeof createPerformanceMonitor>

function gpuSample(gpu: GpuNow, timestamp: string) {
  const { reading } = gpu
  return {
    timestamp,
    id: gpu.index,
    name: gpu.name,
    uuid: gpu.uuid,
    temp_c: Math.round(reading.temperatureC),
    vram_temp_c: 0,
    gpu_util_pct: Math.round(reading.utilization),
    mem_util_pct: round((100 * reading.memoryUsedMib) / gpu.memoryTotalMib),
    mem_used_mb: Math.round(reading.memoryUsedMib),
    mem_total_mb: gpu.memoryTotalMib,
    fan_speed_pct: gpu.hasFan ? Math.round(reading.fanPercent) : 0,
    power_draw_w: round(reading.powerW),
  }
}

function samples<T>(ring: Stamped<T>[], after = -Infinity): T[] {
  return ring.filter((item) => item.at > after).map((item) => item.sample)
}

function orNull<T>(list: T[]): T[] | null {
  return list.length === 0 ? null : list
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
