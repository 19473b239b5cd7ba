import type { GpuSample, PerfSample, SysSample } from "@boocontrol/shared/telemetry"
import { instantOf, parseRfc3339 } from "@boocontrol/shared/time"
import type { Gpu, Performance, Sys } from "./shapes.ts"

/** Each GPU's line carries its own time, some ms apart; the engine samples every 5 s at most. */
const TICK_MS = 1_000

/**
 * The engine's own samples in our terms, oldest first. One tick holds the GPU lines that lie together and do not name
 * a card twice, and the system line nearest to them.
 */
export function samplesOf(reply: Performance): PerfSample[] {
  const ticks = gpuTicks(reply.gpu_stats ?? [])
  const systems = systemSamples(reply.sys_stats ?? [])
  const samples = ticks.map(({ atMs, gpus }): PerfSample => {
    const index = systems.findIndex((system) => Math.abs(system.atMs - atMs) < TICK_MS)
    const sys = index === -1 ? null : (systems.splice(index, 1)[0]?.sys ?? null)
    return sample(atMs, gpus, sys)
  })
  const alone = systems.map(({ atMs, sys }) => sample(atMs, null, sys))
  return [...samples, ...alone].sort((a, b) => (a.ts < b.ts ? -1 : 1))
}

function sample(atMs: number, gpu: GpuSample[] | null, sys: SysSample | null): PerfSample {
  return { ts: instantOf(atMs), gpu, sys, source: "llama-swap", backfilled: true }
}

interface Tick {
  atMs: number
  gpus: GpuSample[]
}

function gpuTicks(lines: readonly Gpu[]): Tick[] {
  const timed = lines
    .flatMap((gpu) => {
      const atMs = parseRfc3339(gpu.timestamp)
      return atMs === null ? [] : [{ atMs, gpu: gpuSampleOf(gpu) }]
    })
    .sort((a, b) => a.atMs - b.atMs)
  const ticks: Tick[] = []
  for (const { atMs, gpu } of timed) {
    const open = ticks.at(-1)
    const fits = open && atMs - open.atMs < TICK_MS && !open.gpus.some(({ index }) => index === gpu.index)
    if (fits) open.gpus.push(gpu)
    else ticks.push({ atMs, gpus: [gpu] })
  }
  for (const { gpus } of ticks) gpus.sort((a, b) => a.index - b.index)
  return ticks
}

/** A sensor that is missing reads 0. Temperature and power are never 0 on a card that runs; use and fan can be. */
function gpuSampleOf(gpu: Gpu): GpuSample {
  const total = positive(gpu.mem_total_mb)
  return {
    index: gpu.id,
    uuid: gpu.uuid || null,
    name: gpu.name || null,
    state: "awake",
    util_pct: gpu.gpu_util_pct ?? null,
    mem_busy_pct: null,
    mem_used_mib: total === null ? null : (gpu.mem_used_mb ?? null),
    mem_total_mib: total,
    temp_c: positive(gpu.temp_c),
    mem_temp_c: positive(gpu.vram_temp_c),
    power_w: positive(gpu.power_draw_w),
    power_limit_w: null,
    clock_sm_mhz: null,
    clock_mem_mhz: null,
    // Without a temperature nothing was read at all; with one, a fan at rest is real.
    fan_pct: positive(gpu.temp_c) === null ? null : (gpu.fan_speed_pct ?? null),
    pstate: null,
    throttle: null,
  }
}

function systemSamples(lines: readonly Sys[]): { atMs: number; sys: SysSample }[] {
  const timed = lines
    .flatMap((sys) => {
      const atMs = parseRfc3339(sys.timestamp)
      return atMs === null ? [] : [{ atMs, sys }]
    })
    .sort((a, b) => a.atMs - b.atMs)
  return timed.map(({ atMs, sys }, index) => {
    const before = timed[index - 1]
    const net = before ? netRates(before, { atMs, sys }) : { received: null, sent: null }
    return { atMs, sys: sysSampleOf(sys, net) }
  })
}

function sysSampleOf(sys: Sys, net: { received: number | null; sent: number | null }): SysSample {
  const cores = sys.cpu_util_per_core ?? []
  const memTotal = positive(sys.mem_total_mb)
  return {
    cpu_pct: cores.length === 0 ? null : cores.reduce((sum, core) => sum + core, 0) / cores.length,
    load_1: sys.load_avg_1 ?? null,
    mem_used_mib: memTotal === null ? null : (sys.mem_used_mb ?? null),
    mem_total_mib: memTotal,
    swap_used_mib: sys.swap_used_mb ?? null,
    swap_total_mib: sys.swap_total_mb ?? null,
    disk_used_mib: null,
    disk_total_mib: null,
    net_rx_bytes_per_s: net.received,
    net_tx_bytes_per_s: net.sent,
  }
}

/** Counters since boot: a rate needs two of them, and a counter that fell began anew. */
function netRates(
  before: { atMs: number; sys: Sys },
  now: { atMs: number; sys: Sys },
): { received: number | null; sent: number | null } {
  const seconds = (now.atMs - before.atMs) / 1000
  if (!before.sys.net_io || !now.sys.net_io || seconds <= 0) return { received: null, sent: null }
  const sum = (sys: Sys, key: "bytes_recv" | "bytes_sent") =>
    (sys.net_io ?? []).reduce((total, line) => total + line[key], 0)
  const rate = (key: "bytes_recv" | "bytes_sent") => {
    const rise = sum(now.sys, key) - sum(before.sys, key)
    return rise < 0 ? null : Math.round(rise / seconds)
  }
  return { received: rate("bytes_recv"), sent: rate("bytes_sent") }
}

function positive(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && value > 0 ? value : null
}
