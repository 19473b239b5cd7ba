import type { FleetHost } from "@boocontrol/shared/fleet"
import type { GpuSample, PerfSample } from "@boocontrol/shared/telemetry"
import { epochMsOf } from "@boocontrol/shared/time"
import { DASH, ago, count, gib } from "../../kit/format.ts"

export interface Fact {
  readonly name: string
  readonly value: string
  readonly title: string
}

export function factsOf(host: FleetHost, sample: PerfSample | null, nowMs: number): Fact[] {
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
    ["Disk spool", spoolWords(host, nowMs), "What waits on its disk until the hub has it"],
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

/** Depth and age whatever else is wrong: how long the hub has been behind is what tells a breath from a blocked road. */
function spoolWords({ spool }: FleetHost, nowMs: number): string | null {
  if (!spool) return null
  const { depth, dropped, problem, oldest_at: oldest } = spool
  const parts = [
    depth === 0 ? "empty" : `${count(depth)} waiting`,
    oldest === null || depth === 0 ? null : `the oldest from ${ago(nowMs - epochMsOf(oldest))}`,
    dropped > 0 ? `${count(dropped)} lost` : null,
  ].filter((part) => part !== null)
  return problem === undefined ? parts.join(", ") : `${parts.join(", ")} · ${problem}`
}
