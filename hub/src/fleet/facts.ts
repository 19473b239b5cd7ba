import type { PresenceData } from "@boocontrol/shared/hosts"
import type { HostFacts } from "./ports.ts"

/** What the registry learns from a presence: `2 x RTX 5090 + P104-100`. */
export function factsOf({ hardware, simulated, advertise_url }: PresenceData): HostFacts {
  return {
    os: hardware.os_name ?? hardware.os_family,
    gpuLabel: gpuLabelOf(hardware.gpus.flatMap((gpu) => gpu.name ?? [])),
    simulated: simulated ?? false,
    advertiseUrl: advertise_url,
  }
}

function gpuLabelOf(names: readonly string[]): string | null {
  const counts = new Map<string, number>()
  for (const name of names) {
    const short = name.replace(/^NVIDIA\s+(?:GeForce\s+)?/i, "")
    counts.set(short, (counts.get(short) ?? 0) + 1)
  }
  const parts = [...counts].map(([name, count]) => (count > 1 ? `${count} x ${name}` : name))
  return parts.length > 0 ? parts.join(" + ") : null
}
