import type { FleetHost } from "@boocontrol/shared/fleet"
import type { GpuSample, PerfSample, SysSample } from "@boocontrol/shared/telemetry"
import { epochMsOf } from "@boocontrol/shared/time"
import { DASH, count, gib } from "../../kit/format.ts"
import type { Tone } from "../../kit/tone.ts"
import { gpuBusy } from "../../telemetry/readings.ts"
import { fractionOf, sumKnown } from "./vram.ts"

export interface GaugeView {
  readonly label: string
  readonly value: string
  /** 0 to 1; null: no reading. */
  readonly fraction: number | null
  readonly tone: Tone
  readonly title: string
}

// A sample older than this says nothing about now: five missed seconds, three times over.
const FRESH_MS = 15_000
// Most cards begin to slow down between 83 and 90 degrees.
const WARM_C = 75
const HOT_C = 86

/** The newest sample, unless it is too old to be shown as the present. */
export function freshSample(sample: PerfSample | null, nowMs: number): PerfSample | null {
  return sample !== null && nowMs - epochMsOf(sample.ts) <= FRESH_MS ? sample : null
}

/** False only where the host said that it has none: what never spoke may well have one. */
export function hasGpu(
  host: Pick<FleetHost, "gpus" | "gpu_label" | "hardware">,
  sample: PerfSample | null,
): boolean {
  return (
    host.hardware === null ||
    host.gpus.length > 0 ||
    (sample?.gpu?.length ?? 0) > 0 ||
    host.gpu_label !== null
  )
}

export function gaugesOf(host: FleetHost, sample: PerfSample | null): GaugeView[] {
  return hasGpu(host, sample) ? gpuGauges(host, sample?.gpu ?? []) : sysGauges(host, sample?.sys ?? null)
}

function gpuGauges(host: FleetHost, gpus: readonly GpuSample[]): GaugeView[] {
  const many = gpus.length > 1
  const temp = maxKnown(gpus.map((gpu) => gpu.temp_c))
  const power = sumKnown(gpus.map((gpu) => gpu.power_w))
  const limit =
    sumKnown(gpus.map((gpu) => gpu.power_limit_w)) ?? sumKnown(host.gpus.map((gpu) => gpu.power_limit_w))
  const busy = gpuBusy(gpus)
  return [
    {
      label: "Temp, °C",
      value: temp === null ? count(null) : `${Math.round(temp)}°`,
      fraction: fractionOf(temp, 100),
      tone: heatTone(temp),
      title: many ? `Hottest of ${gpus.length} GPUs` : "GPU temperature",
    },
    {
      label: limit === null ? "Power, W" : `of ${count(limit)} W`,
      value: count(power === null ? null : Math.round(power)),
      fraction: fractionOf(power, limit),
      tone: "idle",
      title: many
        ? `All ${gpus.length} GPUs together, of their power limits`
        : "Drawn power, of the power limit",
    },
    {
      label: "Busy, %",
      value: count(busy === null ? null : Math.round(busy)),
      fraction: fractionOf(busy, 100),
      tone: "idle",
      title: many ? `Mean of ${gpus.length} GPUs` : "Share of time the GPU computed",
    },
  ]
}

/** A host without a GPU shows what it has instead. */
function sysGauges(host: FleetHost, sys: SysSample | null): GaugeView[] {
  const threads = host.hardware?.cpu_threads ?? null
  const cpu = sys?.cpu_pct ?? null
  const memory = sys?.mem_total_mib ?? null
  const load = sys?.load_1 ?? null
  return [
    {
      label: "CPU, %",
      value: count(cpu === null ? null : Math.round(cpu)),
      fraction: fractionOf(cpu, 100),
      tone: "idle",
      title: "Processors, all together",
    },
    {
      label: memory === null ? "Memory, GiB" : `of ${count(Math.round(memory / 1024))} GiB`,
      value: gib(sys?.mem_used_mib ?? null),
      fraction: fractionOf(sys?.mem_used_mib ?? null, memory),
      tone: "idle",
      title: "Memory in use",
    },
    {
      label: threads === null ? "Load, 1 min" : `Load, of ${threads}`,
      value: load === null ? DASH : load.toFixed(1),
      fraction: fractionOf(load, threads),
      tone: "idle",
      title: "Load average of the last minute, of the processor threads",
    },
  ]
}

function heatTone(celsius: number | null): Tone {
  if (celsius === null || celsius < WARM_C) return "idle"
  return celsius < HOT_C ? "warn" : "bad"
}

function maxKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}
