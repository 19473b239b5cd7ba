import type { FleetHost } from "@boocontrol/shared/fleet"
import type { GpuSample, PerfSample } from "@boocontrol/shared/telemetry"
import { epochMsOf } from "@boocontrol/shared/time"
import { DASH, clockTime, count, gib } from "../../kit/format.ts"

export interface Fact {
  readonly name: string
  readonly value: string
  readonly title: string
}

export function factsOf(host: FleetHost, sample: PerfSample | null): Fact[] {
  const hardware = host.hardware
  const facts: [name: string, value: string | null, title?: string][] = [
    ["System", hardware?.os_name ?? host.os],
    [
      "Processor",
      hardware?.cpu_model ?? null,
      hardware?.cpu_threads ? `${hardware.cpu_threads} threads` : "",
    ],
    ["Memory", hardware?.memory_total_mib ? `${gib(hardware.memory_total_mib)} GiB` : null],
    ...gpuFacts(host, sample?.gpu ?? []),
    ["Driver", host.gpus.find((gpu) => gpu.driver !== null)?.driver ?? null],
    ["GPU readings", feedWords(host)],
    ["Engine", host.engine_version, host.engine_era === null ? "" : `its API: ${host.engine_era}`],
    ["Sidecar", host.sidecar_version],
    ["Address", host.advertise_url, "Where the gateway reaches its engine"],
    ["Disk spool", spoolWords(host)],
  ]
  return facts.map(([name, value, title = ""]) => ({ name, value: value ?? DASH, title }))
}

function gpuFacts(host: FleetHost, now: readonly GpuSample[]): [string, string, string][] {
  return host.gpus.map((gpu) => {
    const current = now.find((sample) => sample.index === gpu.index)
    const readings = current
      ? [current.state === "awake" ? null : current.state, current.pstate, fan(current)].filter(
          (part) => part !== null,
        )
      : []
    const name = (gpu.name ?? "unknown card").replace(/^NVIDIA (GeForce )?/, "")
    const memory = gpu.memory_total_mib === null ? "" : `, ${gib(gpu.memory_total_mib)} GiB`
    return [
      `GPU ${gpu.index}`,
      `${name}${memory}${readings.length > 0 ? ` · ${readings.join(" · ")}` : ""}`,
      gpu.uuid ?? "",
    ]
  })
}

function fan(gpu: GpuSample): string | null {
  return gpu.fan_pct === null ? null : `fan ${count(Math.round(gpu.fan_pct))} %`
}

function feedWords(host: FleetHost): string | null {
  if (!host.gpu_feed) return null
  const { source, state, reason } = host.gpu_feed
  return [source, state, reason].filter((part) => part !== null).join(" · ")
}

function spoolWords(host: FleetHost): string | null {
  if (!host.spool) return null
  const { depth, dropped, problem, oldest_at: oldest } = host.spool
  if (problem !== undefined) return `${count(depth)} waiting · ${problem}`
  if (dropped > 0) return `${count(depth)} waiting, ${count(dropped)} lost`
  if (depth === 0) return "empty"
  return oldest === null
    ? `${count(depth)} waiting`
    : `${count(depth)} waiting since ${clockTime(epochMsOf(oldest))}`
}
