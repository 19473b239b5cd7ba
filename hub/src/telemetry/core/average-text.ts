import type { Aggregate } from "@boocontrol/shared/telemetry"
import { GPU_METRICS, SYS_METRICS } from "./aggregate.ts"
import type { Bucket, GpuAggregate, Metrics } from "./aggregate.ts"

/**
 * Averages as the JSON text that is stored: keys in the order that jsonb gives them, shorter ones first, so that the
 * same averages are the same bytes however they came about, and packed ones look like those that never were.
 */
export function gpuAverageText(gpus: Bucket["gpu_agg"]): string | null {
  if (gpus === null) return null
  const members = Object.keys(gpus)
    .sort(asInJsonb)
    .map((key) => `${JSON.stringify(key)}:${gpuText(gpus[key] as GpuAggregate)}`)
  return `{${members.join()}}`
}

/** The same of the machine. */
export function sysAverageText(metrics: Bucket["sys_agg"]): string | null {
  return metrics && metricsText(metrics, SYS_IN_ORDER)
}

function asInJsonb(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : 1)
}

const membersOf = (names: readonly string[]): readonly (readonly [name: string, key: string])[] =>
  names.toSorted(asInJsonb).map((name) => [name, `"${name}":`] as const)
const GPU_IN_ORDER = membersOf(GPU_METRICS)
const SYS_IN_ORDER = membersOf(SYS_METRICS)

function gpuText({ index, uuid, name, metrics }: GpuAggregate): string {
  const named = `"name":${JSON.stringify(name)},"uuid":${JSON.stringify(uuid)}`
  return `{${named},"index":${index},"metrics":${metricsText(metrics, GPU_IN_ORDER)}}`
}

function metricsText(metrics: Metrics, members: typeof GPU_IN_ORDER): string {
  const names = Object.keys(metrics)
  let written = 0
  let text = ""
  for (const [name, key] of members) {
    const known = metrics[name]
    if (known === undefined) continue
    if (written > 0) text += ","
    text += key + aggregateText(known)
    written += 1
  }
  // Averages of a version that knew other metrics keep them.
  return written === names.length ? `{${text}}` : metricsText(metrics, membersOf(names))
}

function aggregateText({ max, min, sum, last, count }: Aggregate): string {
  return `{"max":${max},"min":${min},"sum":${sum},"last":${last},"count":${count}}`
}
